"""``scrapy crawl recheck``: articles held are looked at again, for edits and removals."""

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

from ..addresses import ArticleAddress, identify
from ..archive import StorageFailed
from ..archive.ledger import OWED, Look, card_of
from ..arguments import RecheckArguments, SourceRef
from ..dates import instant
from ..items import Article, Capture, Rejected
from ..labels import is_meant
from ..pipelines.archive import Quarantined
from ..pipelines.deduplicate import Unchanged
from ..validators import NOT_MODIFIED, conditions, validators
from ..verdict import Verdict
from .base import KcnaSpider

logger = logging.getLogger(__name__)

_MISSING: Final = (404, 410)

Output = Iterator[Capture | Article | Rejected]


class RecheckSpider(KcnaSpider):
    """Asks for what is due by the schedule, or was not seen for ``every`` days, longest overdue first. ``limit`` bounds
    how many articles are looked at, and with that how many are stored.

    Another text, headline or date is a new revision. An article that is not found on two different days becomes a
    tombstone, one that is found again a live revision. A page that shows less than is held, for a paywall or a fault,
    changes nothing.
    """

    name = "recheck"
    arguments_class = RecheckArguments
    arguments: RecheckArguments
    # Where the last record of each article to be looked at begins in the archive.
    records: dict[str, int]
    # What the answers said of their version, until the look is remembered.
    validators: dict[str, tuple[str | None, str | None]]
    looks: int
    owing: int

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.records, spider.validators = {}, {}
        spider.looks = spider.owing = 0
        crawler.signals.connect(spider.stored, signal=signals.item_scraped)
        return spider

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
        )
        due = due[: self.arguments.limit]
        logger.info("%d articles are due to be looked at", len(due))
        self.records = self.run.archive.last_records(set(due))
        for one in due:
            yield self.look_request(one)

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
        """An article's page, if it is not as it was."""
        held = self.run.archive.record_at(self.records[article_id])
        look = self.run.archive.ledger.rechecks.last(article_id)
        address = identify(held.url) or ArticleAddress(article_id)
        self.under_way.add(article_id)
        if held.access == "truncated":
            self.revisited.add(article_id)
        return Request(
            self.site.article(address),
            callback=self.parse_look,
            errback=self.article_failed,
            cb_kwargs={"address": address, "held": held, "look": look},
            headers=conditions(look),
            meta={"handle_httpstatus_list": [NOT_MODIFIED, *_MISSING]},
            dont_filter=True,
        )

    def parse_look(self, response: Response, address: ArticleAddress, held: Article, look: Look | None) -> Output:
        """What became of an article since it was last seen."""
        self.looks += 1
        if response.status == NOT_MODIFIED:
            self.count("recheck/not_modified")
            self.remember(address.id)
            return
        if response.status in _MISSING:
            yield from self.missing(response, address, held, look)
            return
        self.validators[address.id] = validators(response)
        for item in self.parse_article(response, address, card_of(held), lambda _: held.source_id):
            yield self.weigh(item, held) if isinstance(item, Capture) else item

    def weigh(self, capture: Capture, held: Article) -> Capture | Article:
        """A page that was read, beside what is held: a part of what is held whole shows only that it is back."""
        if capture.fields.access == "truncated" and held.access == "full" and held.status == "gone":
            return self.revision(held, "live")
        return capture

    def missing(self, response: Response, address: ArticleAddress, held: Article, look: Look | None) -> Output:
        """A page that is not there: gone, once it was not there on another day."""
        rejected = self.refusal(address.id, self.site.article(address), response)
        if rejected.reason != "not_found":
            yield rejected
        elif held.status == "gone":
            self.remember(address.id)
        elif look and look.missing and look.missing[:10] < rejected.seen_at[:10]:
            self.count("articles/gone")
            yield self.revision(held, "gone")
        else:
            self.count("recheck/missing")
            yield rejected

    def revision(self, held: Article, status: str) -> Article:
        """What is held, with another status."""
        now = instant(datetime.now(UTC))
        change: dict[str, Any] = {"status": status, "date_downloaded": now, "run_id": self.run.id}
        return replace(held, **change)

    # What was looked at

    def stored(self, item: object) -> None:
        """A revision is on disk."""
        if isinstance(item, Article):
            self.remember(item.id)

    def dropped(self, item: object, exception: Exception, response: Response | None) -> None:
        super().dropped(item, exception, response)
        if isinstance(exception, Unchanged) and isinstance(item, Article | Capture):
            self.remember(item.id)
        elif isinstance(exception, Quarantined) and exception.rejected.reason in OWED:
            self.owing += 1

    def remember(self, article_id: str) -> None:
        """An article was looked at, and all that it showed is on disk."""
        self.under_way.discard(article_id)
        etag, last_modified = self.validators.pop(article_id, (None, None))
        days = self.run.limits.recheck_days
        try:
            self.run.archive.ledger.rechecks.record(article_id, datetime.now(UTC), days, etag, last_modified)
        except StorageFailed as error:
            # A signal's handler is not a callback: what it raises is logged and forgotten.
            self.storage_failed(error)

    def count_owed(self) -> int:
        return self.owing

    @property
    def doing(self) -> str:
        return f"looking again, {self.looks} of {len(self.records)}"
