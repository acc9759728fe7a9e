"""A worker: takes shards from the queue and has each crawled by a child process with an archive of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from procrastinate import App

from ..archive import StorageFailed
from ..archive.run_report import RunReport, read_reports
from ..stores import StoreDown
from ..verdict import Verdict, say
from .database import connect, out_of_reach
from .plan import Shard
from .queue import SHARDS, UPKEEP, WORKER, Ended, opened

FOLDERS: Final = "shards"
"""The folder in the worker's own that has an archive for each shard."""

REFUSED_SECONDS: Final = 3600.0
"""So long no worker asks a site that has refused one of them."""

_HEARTBEATS: Final = 3
_LONGEST_POLL: Final = 5.0
# A child ends within ten seconds of being told.
_LEAVING_SECONDS: Final = 15.0

_BEGIN: Final = """
INSERT INTO kcnacrawl_shards (site, name, worker, folder, started_at)
VALUES (%(site)s, %(name)s, %(worker)s, %(folder)s, now())
ON CONFLICT (site, name) DO UPDATE SET worker = excluded.worker, folder = excluded.folder, started_at = now(),
    ended_at = NULL, exit_code = NULL, verdict = NULL, message = NULL, counts = '{}'
"""
_END: Final = """
UPDATE kcnacrawl_shards SET ended_at = now(), exit_code = %(exit_code)s, verdict = %(verdict)s, message = %(message)s,
    counts = %(counts)s
WHERE site = %(site)s AND name = %(name)s AND worker = %(worker)s
"""
_REFUSED: Final = """
UPDATE kcnacrawl_sites SET pause = %(why)s,
    paused_until = greatest(paused_until, now() + make_interval(secs => %(seconds)s)) WHERE site = %(site)s
"""
_PAUSE: Final = (
    "SELECT extract(epoch FROM paused_until - now())::float8 AS left FROM kcnacrawl_sites WHERE site = %(site)s"
)


@dataclass(frozen=True, kw_only=True)
class Crawling:
    """How a worker's children crawl: into which folder, with which settings, in which environment."""

    folder: Path
    settings: Sequence[str]
    environment: Mapping[str, str]


class Worker:
    """Crawls one shard at a time until it is told to leave."""

    def __init__(self, app: App, crawling: Crawling, stalled_after: float) -> None:
        self.stalled_after = stalled_after
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self.failed: StorageFailed | None = None
        self.leaving = asyncio.Event()
        self._app = app
        self._crawling = crawling
        self._child: asyncio.subprocess.Process | None = None

    def leave(self) -> None:
        """Have the child stop in order, and take no further shard."""
        self.leaving.set()
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()

    async def crawl(self, shard: Shard) -> None:
        """Crawl a shard to its end. Raise :class:`Ended`."""
        await self._sit_out_pause(shard.site)
        if self.leaving.is_set():
            raise Ended(Verdict.INTERRUPTED.exit_code())
        folder = self._crawling.folder / FOLDERS / shard.name
        named = {"site": shard.site, "name": shard.name, "worker": self.name}
        await self._app.connector.execute_query_async(_BEGIN, **named, folder=str(folder))
        before = _last_report(folder)
        exit_code = await self._run(shard, folder)
        report = _last_report(folder)
        if report is not None and before is not None and report.run_id == before.run_id:
            report = None  # it was killed before it could write one
        await self._tell(shard, exit_code, report)
        if exit_code == Verdict.REFUSED.exit_code():
            why = f"shard {shard.name} was refused: {report.message if report else ''}"
            await self._app.connector.execute_query_async(_REFUSED, why=why, seconds=REFUSED_SECONDS, site=shard.site)
        if exit_code == Verdict.STORAGE.exit_code():
            self.failed = StorageFailed(f"{folder}: {report.message if report else 'its archive cannot be written'}")
            self.leave()
        if exit_code:
            raise Ended(exit_code)

    async def _run(self, shard: Shard, folder: Path) -> int:
        """Crawl in a child process; return its exit code, negative for the signal that killed it."""
        settings = [*self._crawling.settings, f"KCNACRAWL_URL={shard.site}", f"KCNACRAWL_DIR={folder}"]
        words = ["crawl", "source", *shard.arguments, *(word for one in settings for word in ("-s", one))]
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"{__package__}.child", str(os.getpid()), *words), env=self._crawling.environment
        )
        if self.leaving.is_set():
            self._child.terminate()
        return await self._child.wait()

    async def _sit_out_pause(self, site: str) -> None:
        """Begin nothing while the site is to be left alone."""
        while not self.leaving.is_set():
            left = [row["left"] for row in await self._app.connector.execute_query_all_async(_PAUSE, site=site)]
            if not left or left[0] <= 0:
                return
            await _within(left[0], self.leaving)

    async def _tell(self, shard: Shard, exit_code: int, report: RunReport | None) -> None:
        verdict = report.verdict if report else f"killed by signal {-exit_code}" if exit_code < 0 else "no report"
        message, counts = (report.message, report.counts) if report else ("", {})
        say(f"shard {shard.name}: {verdict} ({exit_code}), {counts.get('articles/new', 0)} new")
        await self._app.connector.execute_query_async(
            _END,
            site=shard.site,
            name=shard.name,
            worker=self.name,
            exit_code=exit_code,
            verdict=verdict,
            message=message,
            counts=counts,
        )


async def work(address: str, crawling: Crawling, stalled_after: float, *, is_once: bool) -> int:
    """Crawl shards until a signal comes; return its number. With ``is_once``, until none waits: then return 0.

    Raise :class:`StoreDown` when the database is lost, :class:`StorageFailed` when nothing can be stored here.
    """
    signals = list[int]()
    async with opened(address) as app, await connect(address) as connection:
        worker = Worker(app, crawling, stalled_after)

        def stop(number: int) -> None:
            signals.append(number)
            worker.leave()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        say(f"worker {worker.name} takes shards into {crawling.folder / FOLDERS}")
        options: dict[str, Any] = {
            "install_signal_handlers": False,
            "update_heartbeat_interval": stalled_after / _HEARTBEATS,
            "stalled_worker_timeout": stalled_after,
            # Of what is given back, nobody is notified.
            "fetch_job_polling_interval": min(_LONGEST_POLL, stalled_after / _HEARTBEATS),
            "additional_context": {WORKER: worker},
        }
        shards = asyncio.create_task(app.run_worker_async(queues=[SHARDS], wait=not is_once, **options))
        upkeep = asyncio.create_task(app.run_worker_async(queues=[UPKEEP], delete_jobs="always", **options))
        lost = asyncio.create_task(_loss(connection))
        leaving = asyncio.create_task(worker.leaving.wait())
        await asyncio.wait({shards, upkeep, lost, leaving}, return_when=asyncio.FIRST_COMPLETED)
        is_done = is_once and shards.done() and not shards.exception()
        await _leave(worker, {shards, upkeep}, {lost, leaving})
    if worker.failed is not None:
        raise worker.failed
    if not signals and not is_done:
        error = lost.result() if lost.done() and not lost.cancelled() else ConnectionError()
        raise StoreDown(f"{out_of_reach(error)}; the worker leaves, start it again")
    return signals[0] if signals else 0


async def _leave(worker: Worker, working: set[asyncio.Task[None]], watching: set[asyncio.Task[Any]]) -> None:
    """Give back what is at work, as far as the database can be told."""
    worker.leave()
    for task in (*working, *watching):
        task.cancel()
    await asyncio.wait(working, timeout=_LEAVING_SECONDS)


async def _loss(connection: psycopg.AsyncConnection[Any]) -> BaseException:
    """Return why a connection ended, as soon as it does. Nothing is ever said on it."""
    try:
        async for _ in connection.notifies():
            pass
    except psycopg.Error as error:
        return error
    return ConnectionError("it was closed")


async def _within(seconds: float, event: asyncio.Event) -> None:
    """Wait for an event, or so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _last_report(folder: Path) -> RunReport | None:
    return next(read_reports(folder, 1), None)
