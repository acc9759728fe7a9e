"""Making a record of a scraped page: dates strictly, label, language, canonical address, digest."""

from dataclasses import replace
from typing import Self

from scrapy.crawler import Crawler

from ..archive.attribution import find_name
from ..archive.ledger import body_sha256
from ..items import Article, Rejected, ScrapedPage
from ..run import Run
from ..site.dates import BadDate, conflict, from_unix, listed_or_none, parse_published
from ..site.labels import read_label
from ..site.language import detect
from ..site.urls import ArticleAddress, Site, identify, unix_time


class NormalisePipeline:
    """Turns a scraped page into an :class:`Article`, or into a :class:`Rejected` if its date is none."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Run.of(crawler))

    def process_item(self, item: object) -> object:
        if not isinstance(item, ScrapedPage):
            return item
        try:
            article = normalise(item, self._run.site, self._run.id)
        except BadDate as error:
            return Rejected(
                id=item.id,
                url=item.url,
                reason="bad_date",
                detail=str(error),
                seen_at=item.date_downloaded,
                run_id=self._run.id,
                http_status=200,
            )
        name = find_name(self._run.archive.ledger, item.fields.label, item.source_id)
        return replace(article, source_name=name)


def normalise(capture: ScrapedPage, site: Site, run_id: str) -> Article:
    """Return the record of a page. Raise :class:`BadDate` if its header has no day of the calendar."""
    fields, card = capture.fields, capture.card
    published = parse_published(fields.date_raw)
    listed = listed_or_none(card.date_listed_raw) if card else None
    label = read_label(fields.label)
    return Article(
        id=capture.id,
        revision=1,
        status="live",
        url=site.article(ArticleAddress(capture.id, _slug(capture))),
        headline=fields.headline,
        date_published=published.isoformat(),
        date_published_raw=fields.date_raw,
        date_listed=listed.isoformat() if listed else None,
        date_listed_raw=card.date_listed_raw if card else None,
        url_time=from_unix(unix_time(capture.id)),
        date_conflict=conflict(published, listed),
        source_id=capture.source_id,
        source_label=fields.label,
        source_name=label.name,
        source_language=label.language,
        in_language=detect(fields.headline, fields.article_body),
        description=card.description if card else None,
        article_body=fields.article_body,
        access=fields.access,
        original_url=fields.original_url,
        images=fields.images,
        body_sha256=body_sha256(fields.article_body),
        date_downloaded=capture.date_downloaded,
        listing_url=card.listing_url if card else None,
        run_id=run_id,
        revision_cause="first",
        warc_record_id=capture.warc_record_id,
    )


def _slug(capture: ScrapedPage) -> str:
    """Return the slug that the card gives, else the page itself, else the address it was found at."""
    urls = (capture.card.url if capture.card else None, capture.fields.canonical_url, capture.url)
    addresses = (identify(url) for url in urls if url)
    return next((address.slug for address in addresses if address and address.slug), "")
