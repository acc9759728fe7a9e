"""One client in total: workers that share a crawl take turns in asking the site. Without a cluster, not at all."""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from ..archive import Locked
from ..arguments import ArgumentError, SourceArguments
from ..bugs import watch
from ..exceptions import NotAsked
from ..extensions.crawl_delay import slot_of
from ..run import Run
from ..stores import StoreDown
from ..verdict import Verdict

if TYPE_CHECKING:
    from ..cluster.turns import Turns


class TakeTurns:
    """Lets a request leave when it is its turn among those of all workers, robots.txt, redirects and retries included.
    A run that can have no turn ends.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._turns: Turns | None = None
        self._sending: Request | None = None
        self._giving_back: asyncio.Task[None] | None = None
        self._delay = crawler.settings.getfloat("DOWNLOAD_DELAY")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not Run.of(crawler).config.cluster:
            raise NotConfigured
        middleware = cls(crawler)
        # Sent after `response_downloaded`, by which it is known whether the site asks for a pause.
        crawler.signals.connect(middleware.request_left_downloader, signal=signals.request_left_downloader)
        crawler.signals.connect(middleware.spider_closed, signal=signals.spider_closed)
        return middleware

    async def process_request(self, request: Request) -> None:
        """Wait for the turn of a request."""
        from ..cluster.turns import LeftAlone, Over  # noqa: PLC0415 - a library only where there is a cluster

        run = self._run
        try:
            if run.is_stopped:
                raise Over
            await self._all_turns().take(self._delay)
        except Over as error:
            raise NotAsked("the run ended before it was its turn") from error
        except Locked as error:
            self._end(Verdict.LOCKED, str(error), error)
        except ArgumentError as error:
            self._end(Verdict.USAGE, str(error), error)
        except LeftAlone as error:
            self._end(Verdict.INCOMPLETE, f"the site is left alone by all workers for {error}; run again then", error)
        except StoreDown as error:
            self._end(Verdict.INCOMPLETE, f"{error}; nothing more is asked of the site", error)
        self._sending = request

    def request_left_downloader(self, request: Request) -> None:
        if request is not self._sending:
            return
        self._sending = None
        slot = slot_of(self._crawler, request)
        self._delay = max(self._delay, slot.delay if slot is not None else 0.0)
        ago = max(0.0, monotonic() - slot.lastseen) if slot is not None else 0.0
        self._giving_back = asyncio.create_task(self._give_back(ago))
        watch(self._giving_back, self._run)

    async def _give_back(self, ago: float) -> None:
        pause = max(0.0, self._run.left_alone_until - monotonic())
        try:
            await self._all_turns().give_back(delay=self._delay, ago=ago, pause=pause, why=self._run.left_alone_why)
        except StoreDown as error:
            self._run.note(Verdict.INCOMPLETE, f"{error}; nothing more is asked of the site")
            self._run.stop(self._crawler, Verdict.INCOMPLETE)

    async def spider_closed(self) -> None:
        if self._giving_back is not None:
            await asyncio.wait({self._giving_back})
        if self._turns is not None:
            await self._turns.close()

    def _end(self, verdict: Verdict, message: str, error: Exception) -> None:
        """End the run, without the request."""
        self._run.note(verdict, message)
        self._run.stop(self._crawler, verdict)
        raise NotAsked(message) from error

    def _all_turns(self) -> "Turns":
        from ..cluster.turns import Turns  # noqa: PLC0415 - as above

        if self._turns is None:
            config = self._run.config
            arguments = getattr(self._crawler.spider, "arguments", None)
            refs = arguments.source if isinstance(arguments, SourceArguments) else ()
            sources = sorted(ref.sid for ref in refs if ref.sid is not None)
            longest, is_over = config.longest_pause, lambda: self._run.is_stopped
            self._turns = Turns(config.cluster, self._run.site.url, sources, longest, is_over)
        return self._turns
