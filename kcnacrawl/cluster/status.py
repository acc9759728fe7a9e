"""How far a shared crawl is: what waits, who works, how fast, what hinders, and how the shards ended."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from procrastinate import App

from ..run import printable
from .queue import SHARDS, opened

_RECENT_MINUTES: Final = 5

_QUEUE: Final = """
SELECT status::text, count(*) AS jobs FROM procrastinate_jobs WHERE queue_name = %(queue)s GROUP BY status
"""
_SITES: Final = """
SELECT site, delay, greatest(0, extract(epoch FROM paused_until - now()))::float8 AS pause_left, pause,
    coalesce((SELECT sum(count) FROM kcnacrawl_requests AS r
        WHERE r.site = s.site AND minute >= date_trunc('minute', now()) - make_interval(mins => %(minutes)s)
            AND minute < date_trunc('minute', now())), 0)::float8 / %(minutes)s AS requests_a_minute
FROM kcnacrawl_sites AS s ORDER BY site
"""
_AT_WORK: Final = """
SELECT s.site, s.name, s.worker, extract(epoch FROM now() - s.started_at)::float8 AS seconds,
    extract(epoch FROM now() - w.last_heartbeat)::float8 AS silent, j.attempts
FROM procrastinate_jobs AS j LEFT JOIN procrastinate_workers AS w ON w.id = j.worker_id
LEFT JOIN kcnacrawl_shards AS s ON s.site || ' ' || s.name = j.queueing_lock
WHERE j.status = 'doing' AND j.queue_name = %(queue)s ORDER BY s.started_at
"""
_ENDED: Final = """
SELECT verdict, exit_code, count(*) AS shards, coalesce(sum((counts ->> 'articles/new')::int), 0)::int AS new,
    coalesce(sum((counts ->> 'owed')::int), 0)::int AS owed
FROM kcnacrawl_shards WHERE ended_at IS NOT NULL GROUP BY verdict, exit_code ORDER BY shards DESC
"""
_UNWELL: Final = """
SELECT s.site, s.name, s.verdict, s.exit_code, s.message, s.worker, s.folder, j.status::text AS job,
    j.scheduled_at FROM kcnacrawl_shards AS s
LEFT JOIN LATERAL (SELECT status, scheduled_at FROM procrastinate_jobs
    WHERE queueing_lock = s.site || ' ' || s.name ORDER BY id DESC LIMIT 1) AS j ON true
WHERE s.exit_code <> 0 ORDER BY s.ended_at DESC LIMIT 50
"""


class Queue(msgspec.Struct, frozen=True, tag="queue", tag_field="kind"):
    """How many shards wait, are at work, are done, and have failed for good since they were planned."""

    waiting: int
    at_work: int
    done: int
    failed: int


class SiteRow(msgspec.Struct, frozen=True, tag="site", tag_field="kind"):
    """How a site is asked by all workers together."""

    site: str
    delay: float
    requests_a_minute: float
    pause_left: float
    pause: str


class AtWork(msgspec.Struct, frozen=True, tag="at_work", tag_field="kind"):
    """A shard that is crawled; ``silent`` is how long its worker was not heard of, ``None`` for one that is dead."""

    site: str | None
    shard: str | None
    worker: str | None
    seconds: float | None
    silent: float | None
    is_stalled: bool
    tries_before: int


class EndedSo(msgspec.Struct, frozen=True, tag="verdict", tag_field="kind"):
    """How many shards ended so the last time, and what they brought."""

    verdict: str
    exit_code: int
    shards: int
    new: int
    owed: int


class Unwell(msgspec.Struct, frozen=True, tag="shard", tag_field="kind"):
    """A shard that did not end well, and whether it is tried again: ``job`` is what the queue says of it."""

    site: str
    shard: str
    verdict: str
    exit_code: int
    message: str
    worker: str
    folder: str
    job: str | None
    next_try: str | None


Told = Queue | SiteRow | AtWork | EndedSo | Unwell


async def read_status(address: str, stalled_after: float) -> list[Told]:
    """Return how far a crawl is, part by part. Raise ``StoreDown``, ``ArgumentError``."""
    async with opened(address) as app:
        jobs = {row["status"]: row["jobs"] for row in await _all(app, _QUEUE, queue=SHARDS)}
        failed = jobs.get("failed", 0) + jobs.get("aborted", 0) + jobs.get("cancelled", 0)
        told: list[Told] = [Queue(jobs.get("todo", 0), jobs.get("doing", 0), jobs.get("succeeded", 0), failed)]
        told += [SiteRow(**row) for row in await _all(app, _SITES, minutes=_RECENT_MINUTES)]
        told += [_at_work(row, stalled_after) for row in await _all(app, _AT_WORK, queue=SHARDS)]
        told += [EndedSo(**row) for row in await _all(app, _ENDED)]
        told += [_unwell(row) for row in await _all(app, _UNWELL)]
    return told


async def _all(app: App, query: Any, **values: Any) -> list[dict[str, Any]]:
    return await app.connector.execute_query_all_async(query, **values)


def _at_work(row: dict[str, Any], stalled_after: float) -> AtWork:
    silent = row["silent"]
    is_stalled = silent is None or silent > stalled_after
    return AtWork(row["site"], row["name"], row["worker"], row["seconds"], silent, is_stalled, row["attempts"])


def _unwell(row: dict[str, Any]) -> Unwell:
    next_try = row.pop("scheduled_at") if row["job"] == "todo" else row.pop("scheduled_at") and None
    when = next_try.astimezone(UTC).isoformat(timespec="seconds") if isinstance(next_try, datetime) else None
    return Unwell(shard=row.pop("name"), next_try=when, **row)


def lines(told: Sequence[Told]) -> Iterator[str]:
    """Yield the same for a person."""
    for one in told:
        match one:
            case Queue():
                yield f"shards: {one.waiting} waiting, {one.at_work} at work, {one.done} done, {one.failed} failed"
            case SiteRow():
                pause = f"; left alone for {one.pause_left:.0f} s: {one.pause}" if one.pause_left else ""
                yield f"{one.site}: {one.requests_a_minute:.1f} requests a minute, {one.delay:g} s apart{pause}"
            case AtWork():
                heard = "is dead" if one.silent is None else f"was heard of {one.silent:.0f} s ago"
                stalled = "; stalled, to be given to another" if one.is_stalled else ""
                yield f"  {one.shard} for {one.seconds or 0:.0f} s by {one.worker}, which {heard}{stalled}"
            case EndedSo():
                yield f"{one.verdict} ({one.exit_code}): {one.shards} shards, {one.new} new, {one.owed} owed"
            case Unwell():
                job = {"todo": f"tried again{' from ' + one.next_try if one.next_try else ''}", "doing": "at work"}
                again = job.get(one.job or "", "not tried again before the next plan")
                yield printable(
                    f"  {one.shard} by {one.worker}: {one.verdict} ({one.exit_code}), {again}: {one.message}"
                )
