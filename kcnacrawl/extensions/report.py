"""The run's report, ``runs/<run_id>.json``, and its verdict."""

import logging
import platform
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Self

import msgspec
import scrapy
from scrapy import Spider, signals
from scrapy.crawler import Crawler

from .. import __version__, health
from ..archive.archive import RUNS
from ..archive.log import write_whole
from ..archive.runs import read_reports
from ..dates import instant
from ..run import Run
from ..spiders.article import ArticleSpider
from ..spiders.base import KcnaSpider
from ..spiders.harvest import HarvestSpider
from ..verdict import Verdict

logger = logging.getLogger(__name__)

# So many of the last runs tell how the site looks when all is well.
_HEALTHY_RUNS: Final = 10
_LOOKED_AT: Final = 50


class Report:
    """Weighs what happened when the spider is closed, and writes it down."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self.is_written = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        report = cls(crawler)
        crawler.signals.connect(report.spider_closed, signal=signals.spider_closed)
        return report

    def spider_closed(self, spider: Spider, reason: str) -> None:
        self.finish(spider, reason)

    def finish(self, spider: Spider, reason: str) -> None:
        """Weighs and writes, once."""
        if self.is_written:
            return
        self.is_written = True
        self._weigh(spider, reason)
        self._write(spider, reason)
        for warning in self._run.warnings:
            logger.warning("%s", warning)
        verdict, counts = self._run.verdict, self._counts()
        logger.info(
            "%s: %d new, %d revised, %d known, %d rejected, %d owed; %s",
            verdict,
            counts.get("articles/new", 0),
            counts.get("articles/revised", 0),
            counts.get("articles/known", 0),
            sum(value for name, value in counts.items() if name.startswith("rejected/")),
            self._run.owed,
            self._run.archive.articles_path,
        )

    def _weigh(self, spider: Spider, reason: str) -> None:
        run, counts = self._run, self._counts()
        if self._bugs():
            run.note(Verdict.ERROR, "an exception nobody foresaw; the log has its traceback: please report it")
        if reason == "shutdown":
            run.note(Verdict.INTERRUPTED, "stopped by a signal; the same command goes on from here")
        lists = isinstance(spider, HarvestSpider) and not isinstance(spider, ArticleSpider)
        if lists and (missing := health.not_found(counts)) is not None:
            run.note(Verdict.LAYOUT_CHANGED, f"{missing}; the site no longer looks as known")
        told = health.unreadable(counts, run.limits.unreadable)
        if told is None and (lost := health.lost_fields(counts, self._healthy_runs())):
            told = f"missing: {'; '.join(lost)}"
            if isinstance(spider, KcnaSpider):
                spider.keep_bare_pages()
        if told is not None:
            kept = f"; pages are kept in {run.archive.pages_folder(run.id)}"
            run.note(Verdict.LAYOUT_CHANGED, f"{told}; the site no longer looks as known{kept}")
        if run.owed:
            run.note(
                Verdict.INCOMPLETE,
                f"{run.owed} pages failed or could not be read and are owed; the same command tries them again",
            )

    def _healthy_runs(self) -> list[dict[str, int]]:
        """The counts of the last runs that ended well, newest first."""
        reports = read_reports(self._run.archive.folder, _LOOKED_AT)
        return [report["counts"] for report in islice(filter(health.is_healthy, reports), _HEALTHY_RUNS)]

    def _bugs(self) -> bool:
        stats = self._crawler.stats
        return bool(stats.get_value("spider_exceptions/count") or stats.get_value("kcnacrawl/item_errors"))

    def _counts(self) -> dict[str, int]:
        prefix = "kcnacrawl/"
        stats = self._crawler.stats.get_stats()
        return {
            name.removeprefix(prefix): value
            for name, value in sorted(stats.items())
            if name.startswith(prefix) and isinstance(value, int)
        }

    def _write(self, spider: Spider, reason: str) -> None:
        run = self._run
        path = run.archive.folder / RUNS / f"{run.id}.json"
        report = {
            "run_id": run.id,
            "spider": spider.name,
            # A file's name may be no text.
            "arguments": {name: _shown(value) for name, value in getattr(spider, "given", {}).items()},
            "versions": {
                "kcnacrawl": __version__,
                "scrapy": scrapy.__version__,
                "python": platform.python_version(),
            },
            "site": run.site.url,
            "start": instant(run.started),
            "end": instant(datetime.now(UTC)),
            "finish_reason": str(reason),
            "verdict": str(run.verdict),
            "exit_code": run.exit_code,
            "message": run.message,
            "warnings": run.warnings,
            "counts": self._counts() | self._traffic(),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        except OSError as error:
            run.note(Verdict.STORAGE, f"cannot write {path}: {error.strerror or error}")

    def _traffic(self) -> dict[str, int]:
        stats = self._crawler.stats
        return {
            "requests": stats.get_value("downloader/request_count", 0),
            "responses": stats.get_value("downloader/response_count", 0),
            "response_bytes": stats.get_value("downloader/response_bytes", 0),
            "retries": stats.get_value("retry/count", 0),
        }


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
