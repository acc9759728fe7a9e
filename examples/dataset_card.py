"""A dataset card of the archive for its publication: Croissant 1.1, as JSON-LD beside the file that it describes.

Numbers are counted, keys described as docs/record.md has them. No licence is claimed: the articles belong to those who
wrote them, and whether they may be published where you are is yours to know.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints

from folder import parser

from kcnacrawl.archive.archive import ARTICLES, read_article
from kcnacrawl.archive.coverage import read_coverage
from kcnacrawl.archive.log import read_lines, write_whole
from kcnacrawl.archive.run_report import read_reports
from kcnacrawl.items import SCHEMA_VERSION, Article, Day, Instant

RECORD = Path(__file__).parent.parent / "docs/record.md"
URLS = {"url", "original_url", "images", "listing_url"}
TYPES = {Day: "sc:Date", Instant: "sc:DateTime", bool: "sc:Boolean", int: "sc:Integer", SCHEMA_VERSION: "sc:Integer"}

# Appendix 1 of the specification: what may be written without a prefix.
_TERMS = """arrayShape citeAs column containedIn equivalentProperty extract field fileProperty fileObject fileSet
format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
samplingRate separator source subField transform"""
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _TERMS.split()},
}


class Tally:
    """What is counted of an archive's lines, and the digest of them all."""

    def __init__(self, path: Path) -> None:
        self.lines = self.size = 0
        self.last: dict[str, tuple[str, str, str | None]] = {}
        self.languages: set[str] = set()
        self.first_download, self.last_download = "9999", ""
        digest = hashlib.sha256()
        for end, line in read_lines(path, 0):
            if end < 0:
                break  # being written
            digest.update(line + b"\n")
            self._take(read_article(line))
            self.lines, self.size = self.lines + 1, end
        self.sha256 = digest.hexdigest()

    def _take(self, article: Article) -> None:
        # A later line on the same article is its later revision.
        self.last[article.id] = (article.status, article.access, article.date_published)
        if article.in_language:
            self.languages.add(article.in_language)
        self.first_download = min(self.first_download, article.date_downloaded)
        self.last_download = max(self.last_download, article.date_downloaded)

    @property
    def days(self) -> list[str]:
        """The articles' days, in order."""
        return sorted(day for _, _, day in self.last.values() if day) or ["unknown"]

    def count(self, status: str, access: str | None = None) -> int:
        """How many articles are so in their last revision."""
        return sum(one[0] == status and access in {None, one[1]} for one in self.last.values())


def descriptions() -> dict[str, str]:
    """What each key is, from the table in docs/record.md."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", RECORD.read_text(encoding="utf-8"), re.MULTILINE)
    return {key: text.replace("`", "") for key, text in rows}


def fields() -> Iterator[dict[str, Any]]:
    """A field a key of the record."""
    described = descriptions()
    for key, hint in get_type_hints(Article, include_extras=True).items():
        yield {
            "@type": "cr:Field",
            "@id": f"revisions/{key}",
            "name": key,
            "description": described[key],
            "dataType": data_type(key, hint),
            "source": {"fileObject": {"@id": ARTICLES}, "extract": {"column": key}},
            **({"isArray": True, "arrayShape": "-1"} if key == "images" else {}),
        }


def data_type(key: str, hint: object) -> str:
    """Croissant's name of a key's type, ``null`` left aside."""
    kinds = {hint, *get_args(hint)}
    return "sc:URL" if key in URLS else next((name for kind, name in TYPES.items() if kind in kinds), "sc:Text")


def gaps(archive: Path, tally: Tally) -> str:
    """What is missing, as `scrapy coverage` and the records tell."""
    months = read_coverage(archive, datetime.now(UTC).date())
    missing, owed = sum(month.missing for month in months), sum(month.owed for month in months)
    unwalked = sum(month.never_walked != 0 for month in months)
    return (
        f"{missing} articles that the site lists gave no record, of which {owed} failed and are to be tried again;"
        f" {unwalked} months or ends of lists were not walked whole. Of {tally.count('live')} articles"
        f" {tally.count('live', 'truncated')} are cut by the site's paywall and {tally.count('live', 'empty')} have no"
        f" text; {tally.count('gone')} more were removed from the site, and are held as they last were."
    )


def versions(archive: Path) -> list[str]:
    """Of the program, as the runs' reports tell."""
    reports = read_reports(archive, sys.maxsize)
    return sorted({report.versions["kcnacrawl"] for report in reports if report.versions})


def provenance(archive: Path, tally: Tally) -> dict[str, Any]:
    """How the collection came about and what it lacks, in the terms of Croissant RAI 1.0."""
    return {
        "rai:dataCollection": (
            f"Crawled from KCNA Watch by kcnacrawl {' and '.join(versions(archive))}, which keeps to robots.txt unless"
            " told otherwise, and passes no log-in, paywall or bot check. A page not understood gave no record."
        ),
        "rai:dataCollectionType": ["Web Scraping"],
        "rai:dataCollectionTimeFrame": [tally.first_download, tally.last_download],
        "rai:dataCollectionMissingData": gaps(archive, tally),
        "rai:dataPreprocessingProtocol": [
            "White space is folded; control characters and the site's own notices are left out, all else is as shown.",
            "Dates are read day first from a page's header; the card's date and the address's time stand beside them.",
        ],
        "rai:dataLimitations": [
            "An article is one page of the site: one story may have several, one for each source that carried it.",
            "An edit or removal is known only as of when the page was looked at again.",
            "Articles that were removed before they were collected are missing, and nothing tells of them.",
        ],
        "rai:dataBiases": [
            "All texts are published by organs of one state and say what it wants said; they are no account of events.",
            "Which sources and years there are is the choice of KCNA Watch.",
        ],
        "rai:personalSensitiveInformation": [
            "Texts name persons, as published; nothing was left out or made anonymous.",
        ],
        "rai:dataReleaseMaintenancePlan": "Lines are only added: a later release begins with all lines of this one.",
    }


def card(archive: Path, *, name: str, creator: str, url: str, live: bool) -> dict[str, Any]:
    """The card as JSON-LD."""
    tally = Tally(archive / ARTICLES)
    if not tally.lines:
        sys.exit(f"{archive / ARTICLES} holds no record yet")
    first, last = tally.days[0], tally.days[-1]
    today, version = datetime.now(UTC).date().isoformat(), f"{SCHEMA_VERSION}.{tally.lines}.0"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": name,
        "description": (
            f"{len(tally.last)} articles of North Korean state media in {tally.lines} revisions, as KCNA Watch"
            f" (kcnawatch.org) shows them, published from {first} to {last}. Each line of {ARTICLES} is one revision of"
            " one article; the highest revision of an id is its latest, and one whose status is gone was removed."
        ),
        "url": url,
        "creator": {"@type": "sc:Organization", "name": creator},
        "version": version,
        "datePublished": today,
        "dateCreated": tally.first_download,
        "dateModified": tally.last_download,
        "temporalCoverage": f"{first}/{last}",
        "inLanguage": sorted(tally.languages),
        "keywords": ["North Korea", "KCNA", "Rodong Sinmun", "state media", "news", "corpus"],
        "isLiveDataset": live,
        "license": {
            "@type": "sc:CreativeWork",
            "name": "No licence",
            "description": (
                "The articles belong to those who wrote them. Whoever made this collection claims no right in them and"
                " grants none."
            ),
        },
        "citeAs": (
            f"@misc{{kcnawatch, title={{{name}}}, author={{{{{creator}}}}}, year={{{today[:4]}}}, url={{{url}}},"
            f" note={{version {version}, sha256 {tally.sha256}}}}}"
        ),
        **provenance(archive, tally),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": ARTICLES,
                "name": ARTICLES,
                "description": "The archive: one record a line, appended to and never rewritten.",
                "contentUrl": ARTICLES,
                "contentSize": f"{tally.size} B",
                "encodingFormat": "application/jsonlines",
                # A file that grows has none for long.
                **({} if live else {"sha256": tally.sha256}),
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "revisions",
                "name": "revisions",
                "description": "One revision of one article a record.",
                "key": [{"@id": "revisions/id"}, {"@id": "revisions/revision"}],
                "field": list(fields()),
            }
        ],
    }


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--creator", required=True, help="who publishes the collection")
    options.add_argument("--url", required=True, help="where it is published")
    options.add_argument("--name", default="Articles of North Korean state media from KCNA Watch", help="its title")
    options.add_argument("--live", action="store_true", help="the file goes on growing there: its digest is left out")
    given = options.parse_args()
    target = given.archive / "croissant.json"
    made = card(given.archive, name=given.name, creator=given.creator, url=given.url, live=given.live)
    write_whole(target, json.dumps(made, indent=2, ensure_ascii=False).encode() + b"\n")
    print(made["description"], made["rai:dataCollectionMissingData"], target, sep="\n")
