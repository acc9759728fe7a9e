"""The queue of shards: what is put on it, and what of it is tried again."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Final, Protocol

from procrastinate import App, BaseRetryStrategy, Blueprint, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from .database import connect, make_tables, telling
from .plan import Shard

SHARDS: Final = "shards"
UPKEEP: Final = "upkeep"
"""A queue of its own: where all are busy with shards, those of dead workers are still given back."""

WORKER: Final = "worker"
"""Key of a job's context: who does it."""

TRIES: Final = 10
"""So often a shard is tried that fails for a reason that passes. The next plan queues it anew."""

_HEAD_FIRST: Final = 10
_AT_ONCE: Final = 1000
_FORGET: Final = "DELETE FROM kcnacrawl_requests WHERE minute < now() - interval '1 day'"
_LONGEST_WAIT: Final = 3600

tasks: Final = Blueprint()


class Ended(Exception):
    """The crawl of a shard ended with another exit code than 0; a negative one is the signal that killed it."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


class Crawls(Protocol):
    """Who crawls shards."""

    stalled_after: float

    async def crawl(self, shard: Shard) -> None:
        """Crawl a shard to its end. Raise :class:`Ended`."""


def wait_before_retry(exit_code: int, attempts: int) -> int | None:
    """Return the seconds after which a shard is tried again that ended so; ``None`` if that would change nothing.

    Pages owed (3) and a crawl that was killed are tried a few times, later each time. What was the machine's or the
    worker's affair is tried at once (7, 130, 143), or when another crawl of the source may be over (6). A bug (1), a
    bad argument (2), a changed site (4) and a refusal (5) want a person first.
    """
    if exit_code in {7, 130, 143}:
        return 0
    if exit_code == 6:
        return 30
    if exit_code == 3 or exit_code < 0:
        return min(_LONGEST_WAIT, 30 * 2**attempts) if attempts + 1 < TRIES else None
    return None


class _Retry(BaseRetryStrategy):
    """Gives a shard back as :func:`wait_before_retry` says; one whose worker was told to leave at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        wait = wait_before_retry(exception.exit_code, job.attempts) if isinstance(exception, Ended) else 0
        if wait is None:
            return None
        # A job that waits, even until later, keeps back those of its lock that come after it: it goes behind all.
        return RetryDecision(retry_in={"seconds": wait}, priority=min(job.priority, 0) - 1 if wait else job.priority)


@tasks.task(name="crawl", queue=SHARDS, retry=_Retry(), pass_context=True)
async def crawl(context: JobContext, /, **shard: Any) -> None:
    """Crawl a shard."""
    worker: Crawls = context.additional_context[WORKER]
    await worker.crawl(Shard(**shard))


@tasks.periodic(cron="* * * * * */5")
@tasks.task(name="give_back", queue=UPKEEP, queueing_lock="give_back", pass_context=True)
async def give_back(context: JobContext, timestamp: int) -> None:
    """Queue the shards of workers that are silent again; forget requests of days ago."""
    del timestamp
    worker: Crawls = context.additional_context[WORKER]
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(queue=SHARDS, seconds_since_heartbeat=worker.stalled_after):
        await manager.retry_job(job)
    await context.app.connector.execute_query_async(_FORGET)


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[App]:
    """Open the queue; make what is missing of the tables. Raise ``StoreDown``, ``ArgumentError``."""
    with telling():
        async with await connect(address) as connection:
            await make_tables(connection)
        app = App(connector=PsycopgConnector(conninfo=address, kwargs={"application_name": "kcnacrawl"}, timeout=5.0))
        app.add_tasks_from(tasks, namespace="kcnacrawl")
        async with app.open_async():
            yield app


_PLAN_LOCK: Final = "SELECT pg_advisory_lock(hashtext('kcnacrawl plan'))"
_OPEN: Final = (
    "SELECT queueing_lock FROM procrastinate_jobs WHERE queue_name = %(queue)s AND status IN ('todo', 'doing')"
)
_DONE: Final = "SELECT site || ' ' || name AS lock FROM kcnacrawl_shards WHERE exit_code = 0"


async def put(address: str, shards: Iterable[Shard], *, again: bool) -> int:
    """Queue the shards that are neither waiting nor at work nor, unless ``again``, windows that are done; return how
    many. Of two plans at a time the second waits for the first.
    """
    async with opened(address) as app, await connect(address) as connection:
        await connection.execute(_PLAN_LOCK)
        known = {row["queueing_lock"] for row in await app.connector.execute_query_all_async(_OPEN, queue=SHARDS)}
        done = set() if again else {row["lock"] for row in await app.connector.execute_query_all_async(_DONE)}
        jobs = [_job(one) for one in shards if _lock(one) not in known and (one.is_head or _lock(one) not in done)]
        for first in range(0, len(jobs), _AT_ONCE):
            await app.job_manager.batch_defer_jobs_async(jobs=jobs[first : first + _AT_ONCE])
    return len(jobs)


def _job(shard: Shard) -> Job:
    return Job(
        queue=SHARDS,
        task_name="kcnacrawl:crawl",
        lock=f"{shard.site} {shard.source}",
        queueing_lock=_lock(shard),
        priority=_HEAD_FIRST if shard.is_head else 0,
        task_kwargs=asdict(shard),
    )


def _lock(shard: Shard) -> str:
    return f"{shard.site} {shard.name}"
