"""``scrapy crawl recheck``: articles that are held, for edits and removals."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from scrapy import Request, signals
from scrapy.http import Response

from ..archive import StorageFailed
from ..archive.ledger import OWED, Look, card_of
from ..arguments import RecheckArguments, SourceRef
from ..crawl.rejections import Output, Rejections
from ..crawl.removals import LEAST, Outcome, Removals
from ..crawl.validators import NOT_MODIFIED, conditions, validators
from ..downloadermiddlewares.capture import RECORD_ID
from ..items import Article, Rejected, ScrapedPage, revised
from ..pipelines.archive import Quarantined
from ..pipelines.deduplicate import Unchanged
from ..site.dates import instant
from ..site.labels import is_meant
from ..site.urls import ArticleAddress, identify
from ..verdict import Verdict
from .base import KcnaSpider

logger = logging.getLogger(__name__)

_MISSING: Final = (404, 410)
_BATCH: Final = 500


class RecheckSpider(KcnaSpider):
    """Fetches again what is due by the schedule, or was not seen for ``every`` days, longest overdue first. ``limit``
    bounds how many articles are fetched, and so how many are stored.

    Another text, headline or date is a new revision. An article that is not found on two different days becomes a
    tombstone, one that is found again a live revision. A page that shows less than is held, for a paywall or a fault,
    changes nothing.
    """

    name = "recheck"
    arguments_class = RecheckArguments
    arguments: RecheckArguments

    def assemble(self) -> None:
        # What the answers said of their version, until the look is remembered.
        self.validators: dict[str, tuple[str | None, str | None]] = {}
        # Articles that were not found, until the run has seen enough to believe it.
        self.unfound: dict[str, tuple[Rejected, Outcome, str | None]] = {}
        self.due = self.looks = self.owing = 0
        self.removals = Removals(self.run.config.not_found)
        self.rejections = Rejections(self.crawler)
        self.run.conclude = self.judge
        self.crawler.signals.connect(self.item_scraped, signal=signals.item_scraped)
        self.crawler.signals.connect(self.item_dropped, signal=signals.item_dropped)

    async def start(self) -> AsyncIterator[Any]:
        sids = [self.sids(ref) for ref in self.arguments.source if not ref.is_all]
        if [] in sids:
            self.run.note(Verdict.USAGE, "argument source: the archive knows no such source; give its sid")
            return
        every = self.arguments.every
        due = self.run.archive.ledger.rechecks.due(
            datetime.now(UTC),
            None if every is None else timedelta(days=every),
            [sid for found in sids for sid in found],
            *self.arguments.window.ends,
            self.arguments.limit,
        )
        due = self.with_others(due, [sid for found in sids for sid in found])
        self.due = len(due)
        logger.info("%d articles are due to be looked at", self.due)
        for one in due:
            yield self.look_request(one)

    def with_others(self, due: list[str], sids: Sequence[int]) -> list[str]:
        """Add a few articles of the sources asked for where all that is due was missing before: they show whether the
        site works. They count towards ``limit``.
        """
        rechecks = self.run.archive.ledger.rechecks
        missing = rechecks.missing(due)
        if len(missing) < LEAST or len(due) - len(missing) >= LEAST:
            return due
        others = [one for one in rechecks.present(LEAST, sids) if one not in due]
        if self.arguments.limit is not None:
            due = due[: max(0, self.arguments.limit - len(others))]
        return due + others

    def sids(self, ref: SourceRef) -> list[int]:
        """Return the sids that a reference names, as the archive knows them."""
        ledger = self.run.archive.ledger
        if ref.article is not None:
            found = ledger.articles.source_of(ref.article.id)
            return [] if found is None else [found]
        if (said := ref.label) is not None:
            return [one.sid for one in ledger.sources.all() if one.sid and one.label and is_meant(one.label, said)]
        source = ledger.sources.find(sid=ref.sid, ajax_id=ref.ajax_id)
        sid = ref.sid if source is None else source.sid
        return [] if sid is None else [sid]

    def look_request(self, article_id: str) -> Request:
        """Return the request for an article's page, on condition that it has changed."""
        held = self.held(article_id)
        look = self.run.archive.ledger.rechecks.last(article_id)
        address = identify(held.url) or ArticleAddress(article_id)
        self.fetcher.in_flight.add(article_id)
        if held.access == "truncated":
            self.fetcher.revisited.add(article_id)
        return Request(
            self.site.article(address),
            callback=self.parse_look,
            errback=self.fetcher.fail,
            cb_kwargs={"address": address, "held": held, "look": look},
            headers=conditions(look),
            meta={"handle_httpstatus_list": [NOT_MODIFIED, *_MISSING]},
            dont_filter=True,
        )

    def held(self, article_id: str) -> Article:
        """Return the latest record of an article that is held."""
        held = self.run.archive.latest(article_id)
        if held is None:
            raise StorageFailed(f"{article_id} is due to be looked at, and not held")
        return held

    def parse_look(self, response: Response, address: ArticleAddress, held: Article, look: Look | None) -> Output:
        """Tell what became of an article since it was last seen."""
        self.looks += 1
        if self.rejections.strayed(response) is not None:
            self.removals.saw(held.source_id, "elsewhere")
        elif response.status not in _MISSING:
            self.removals.saw(held.source_id, "found")
        if response.status == NOT_MODIFIED:
            self.counts.add("recheck/not_modified")
            self.remember(address.id)
            return
        if response.status in _MISSING:
            yield from self.missing(response, address, held, look)
            return
        self.validators[address.id] = validators(response)
        for item in self.fetcher.parse(response, address, card_of(held), lambda _: held.source_id):
            yield self.weigh(item, held) if isinstance(item, ScrapedPage) else item

    def weigh(self, capture: ScrapedPage, held: Article) -> ScrapedPage | Article:
        """Return what to store of a page: of a tombstone whose page is back but cut, the held text as live again."""
        if capture.fields.access == "truncated" and held.access == "full" and held.status == "gone":
            return self.revision(held, "live", capture.warc_record_id)
        return capture

    def missing(self, response: Response, address: ArticleAddress, held: Article, look: Look | None) -> Output:
        """Keep an article that is not found until the end of the run, which tells whether the site is broken."""
        rejected = self.fetcher.refuse(response, address)
        if rejected.reason != "not_found":
            yield rejected
        elif held.status == "gone":
            self.remember(address.id)
        else:
            before = look.missing if look else None
            outcome: Outcome = "again" if before and before[:10] < rejected.seen_at[:10] else "missing"
            self.unfound[address.id] = (rejected, outcome, response.meta.get(RECORD_ID))
            self.removals.saw(held.source_id, outcome)
            self.fetcher.in_flight.discard(address.id)

    async def judge(self) -> None:
        """Store what the run learned of the articles that were not found: a tombstone on the second day, unless so
        many are missing that the site is rather broken.
        """
        if (told := self.removals.told) is not None:
            hint = "if they were removed, run again with KCNACRAWL_NOT_FOUND=1"
            self.run.note(Verdict.LAYOUT_CHANGED, f"{told}; the site is rather broken, none became a tombstone; {hint}")
        unfound = list(self.unfound.items())
        for start in range(0, len(unfound), _BATCH):
            if self.run.signal_number is not None:
                # What was not judged is looked at again.
                return
            await asyncio.gather(*(self.judge_one(one, *found) for one, found in unfound[start : start + _BATCH]))

    async def judge_one(self, article_id: str, rejected: Rejected, outcome: Outcome, record_id: str | None) -> None:
        """Store a tombstone, or a line in the quarantine. ``record_id`` is of what the site answered."""
        archive = self.run.archive
        held = self.held(article_id)
        if self.removals.is_doubtful(held.source_id):
            # Of another reason, so that the day does not count, also not in a ledger that is rebuilt.
            self.counts.add("rejected/layout_changed")
            await archive.reject(replace(rejected, reason="layout_changed", detail=f"{rejected.detail}; not believed"))
        elif outcome == "again":
            self.counts.add("articles/gone")
            self.counts.add("articles/revised")
            tombstone = self.revision(held, "gone", record_id)
            await archive.store(tombstone)
            # The pipelines are being closed. Feed exports and others that listen are not, and on disk it is.
            await self.crawler.signals.send_catch_log_async(
                signals.item_scraped, item=tombstone, response=None, spider=self
            )
        else:
            self.counts.add("recheck/missing")
            self.counts.add("rejected/not_found")
            await archive.reject(rejected)

    def revision(self, held: Article, status: str, record_id: str | None) -> Article:
        """Return what is held, with another status, as the answer shows that has that record."""
        now = instant(datetime.now(UTC))
        return revised(held, "site", status=status, date_downloaded=now, run_id=self.run.id, warc_record_id=record_id)

    # What was looked at

    def item_scraped(self, item: object) -> None:
        """Handle `item_scraped`: a revision is on disk."""
        if isinstance(item, Article):
            self.remember(item.id)

    def item_dropped(self, item: object, exception: Exception) -> None:
        """Handle `item_dropped`: remember an article that is as it was, and count what the run owes."""
        if isinstance(exception, Unchanged) and isinstance(item, Article | ScrapedPage):
            self.remember(item.id)
        elif isinstance(exception, Quarantined) and exception.rejected.reason in OWED:
            self.owing += 1

    def remember(self, article_id: str) -> None:
        """Record a look at an article, now that all that it showed is on disk."""
        self.fetcher.in_flight.discard(article_id)
        etag, last_modified = self.validators.pop(article_id, (None, None))
        days = self.run.config.recheck_days
        try:
            self.run.archive.ledger.rechecks.record(article_id, datetime.now(UTC), days, etag, last_modified)
        except StorageFailed as error:
            # A signal's handler is not a callback: what it raises is logged and forgotten.
            self.run.storage_failed(self.crawler, error)

    def take_stock(self) -> None:
        super().take_stock()
        self.run.owed = self.owing

    @property
    def status(self) -> str:
        return f"looking again, {self.looks} of {self.due}"
