"""``scrapy crawl``: Scrapy's, with arguments checked before anything starts, and exit codes."""

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from scrapy.commands import crawl
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.settings import BaseSettings

from ..arguments import ArgumentError, as_path
from ..bugs import BugWatch, watch
from ..cli.checked_command import CheckedCommand, check_browser, spider_named
from ..cli.usage import refuse
from ..extensions.report import Report
from ..extras import extra
from ..pipelines.archive import ArchivePipeline
from ..run import Run, printable
from ..spiders.base import KcnaSpider
from ..verdict import Verdict, say, tell

# Well within the ten seconds of the contract; longer than a page takes that is not stuck.
GRACE_SECONDS: Final = 7.0

LEAVING_SECONDS: Final = 1.5

_CHATTER: Final = ("scrapy.addons", "scrapy.crawler", "scrapy.extensions", "scrapy.middleware", "scrapy.utils.log")


class Command(CheckedCommand, crawl.Command):
    """Replaces the built-in command of that name, as a project's command may."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        told = "write the run's metrics for Prometheus' node exporter; FILE ends in .prom"
        parser.add_argument("--textfile", metavar="FILE", type=as_path, help=told)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        process = self.crawler_process
        if not isinstance(process, AsyncCrawlerProcess):
            refuse("setting TWISTED_REACTOR: kcnacrawl runs on the asyncio reactor, Scrapy's default")
        if process.settings["LOG_LEVEL"] != "DEBUG":
            # Which components are enabled is no news to cron.
            for name in _CHATTER:
                logging.getLogger(name).setLevel(logging.WARNING)
            # Two lines a page that no handler shows need not be made.
            logging.getLogger("scrapy").setLevel(logging.INFO)
        crawler = process.create_crawler(args[0])
        run = Run.of(crawler)
        conclude = partial(_conclude, crawler, opts.textfile)
        with BugWatch(run):
            task = process.crawl(crawler, **opts.spargs)
            Shutdown(crawler, task.get_loop(), conclude).install()
            _collect_rarely()
            process.start(install_signal_handlers=False)
        report = None if process.bootstrap_failed else crawler.get_extension(Report)
        if report is None or not report.is_finished:
            run.note(Verdict.ERROR, "the crawl could not start, or not end; the log says why: please report it")
        # What went wrong after the report was written, and in writing it.
        (report or Report(crawler)).write_last(opts.spargs)
        self.exitcode = run.exit_code
        conclude()

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        # The exporter reads no other; and what a slip of the hand names here is replaced.
        if opts.textfile is not None and opts.textfile.suffix != ".prom":
            name = str(opts.textfile)
            raise ArgumentError(f"option --textfile={name!r}: the node exporter reads only files named *.prom")
        if opts.textfile is not None:
            _metrics()
        if self.settings is None or len(args) != 1:
            return  # Scrapy's own message tells of it
        spider = spider_named(args[0], self.settings)
        check_browser(self.config)
        if issubclass(spider, KcnaSpider):
            check_needed(self.settings)
            spider.arguments_class.read(opts.spargs, self.config.site)


def check_needed(settings: BaseSettings) -> None:
    """Raise :class:`ArgumentError` where a component is switched off without which a run stores or tells nothing."""
    for name, needed in (("ITEM_PIPELINES", ArchivePipeline), ("EXTENSIONS", Report)):
        path = f"{needed.__module__}.{needed.__name__}"
        enabled: set[object] = {one for one, place in settings.getwithbase(name).items() if place is not None}
        if enabled.isdisjoint({path, needed}):
            raise ArgumentError(f"setting {name}: {path} is missing, without which nothing is stored or told; add it")


def _collect_rarely() -> None:
    """Have the garbage collector leave alone what is loaded, and look for cycles every fifty pages, not every three: a
    tenth of the CPU time, for some 10 MB.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


class Shutdown:
    """Ends a run at SIGINT or SIGTERM in order, within ten seconds, whatever the network does; at a second signal at
    once.
    """

    def __init__(self, crawler: Crawler, loop: asyncio.AbstractEventLoop, conclude: Callable[[], None]) -> None:
        self._crawler = crawler
        self._loop = loop
        self._conclude = conclude
        self._run = Run.of(crawler)
        self._stopping: asyncio.Task[None] | None = None
        self._was_running = False

    def install(self) -> None:
        """Take both signals over; Scrapy's own handlers do not tell which one came."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._stop, number)

    def _stop(self, number: int) -> None:
        if self._stopping is not None:
            self._stopping.cancel()
            self._stopping = self._loop.create_task(self._leave())
            return
        self._run.signal_number = number
        self._run.note(Verdict.INTERRUPTED, "stopped by a signal; the same command goes on from here")
        self._stopping = self._loop.create_task(self._stop_in_order())
        watch(self._stopping, self._run)

    async def _stop_in_order(self) -> None:
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                # A crawler that is told to stop before its engine runs forgets it, and never ends.
                while not self._is_running():  # noqa: ASYNC110 - no event of Scrapy's tells: engine_started comes before
                    await asyncio.sleep(0.05)
                self._was_running = True
                await self._crawler.stop_async()
        except TimeoutError:
            await self._leave()

    def _is_running(self) -> bool:
        try:
            return self._crawler.engine.running
        except RuntimeError:
            return False

    async def _leave(self) -> NoReturn:
        """Exit although some page is stuck: it stays wanted. What is stored is synced, so this is safe."""
        try:
            if self._was_running and self._crawler.spider is not None:
                await asyncio.wait_for(self._run.settle(), LEAVING_SECONDS)
                if (report := self._crawler.get_extension(Report)) is not None:
                    report.finish(self._crawler.spider, "shutdown")
                    report.write_last(getattr(self._crawler.spider, "given", {}))
        finally:
            self._conclude()
            os._exit(self._run.exit_code)


def _conclude(crawler: Crawler, textfile: Path | None) -> None:
    """Print the one line that says what is wrong and what to do, also where there is no log; write the metrics."""
    run = Run.of(crawler)
    if run.message:
        tell(run.verdict, run.exit_code, run.message)
    if textfile is None:
        return
    try:
        _metrics()(textfile, crawler)
    except OSError as error:
        say(printable(f"cannot write {textfile}: {error.strerror or error}; nothing else is lost by it"))


def _metrics() -> Callable[[Path, Crawler], None]:
    """Return what writes a run's metrics; raises :class:`ArgumentError` where the extra is missing."""
    with extra("metrics"):
        from ..extensions.metrics import write_textfile  # noqa: PLC0415 - a library only where it is asked for
    return write_textfile
