"""A run's verdict and report."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Self

from scrapy import Spider, signals
from scrapy.crawler import Crawler

from .. import health
from ..archive.run_report import RunReport, read_reports
from ..bugs import TOLD
from ..crawl.counts import Counts
from ..run import Run
from ..site.dates import instant
from ..spiders.base import KcnaSpider
from ..verdict import Verdict
from ..versions import versions

logger = logging.getLogger(__name__)

# So many of the last runs tell how the site looks when all is well.
_HEALTHY_RUNS: Final = 10
_LOOKED_AT: Final = 50


class Report:
    """Weighs what happened when the spider closes, and writes the report."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._reason = ""
        # The verdict of the report on disk.
        self._written: Verdict | None = None
        self.is_finished = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        report = cls(crawler)
        crawler.signals.connect(report.spider_closed, signal=signals.spider_closed)
        return report

    def spider_closed(self, spider: Spider, reason: str) -> None:
        self.finish(spider, reason)

    def finish(self, spider: Spider, reason: str) -> None:
        """Weigh what happened and write it down, once."""
        if self._reason:
            return
        self._reason = str(reason)
        self._weigh(spider, reason)
        self._write(getattr(spider, "given", {}))
        self.is_finished = True
        for warning in self._run.warnings:
            logger.warning("%s", warning)
        verdict, counts = self._run.verdict, self._counts.all()
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

    def write_last(self, arguments: Mapping[str, str]) -> None:
        """Write the report if there is none, or again if something went wrong after it was written. A run that could
        not hold the archive leaves it alone.
        """
        if self._written is not self._run.verdict and self._run.verdict is not Verdict.LOCKED:
            self._write(arguments)

    def _weigh(self, spider: Spider, reason: str) -> None:
        run, counts = self._run, self._counts.all()
        if self._bugs():
            run.note(Verdict.ERROR, TOLD)
        if reason == "shutdown" and run.signal_number is not None:
            run.note(Verdict.INTERRUPTED, "stopped by a signal; the same command goes on from here")
        lists_articles = isinstance(spider, KcnaSpider) and spider.lists_articles
        if lists_articles and (missing := health.not_found(counts)) is not None:
            run.note(Verdict.LAYOUT_CHANGED, f"{missing}; the site no longer looks as known")
        told = health.unreadable(counts, run.config.unreadable)
        if told is None and (lost := health.lost_fields(counts, self._healthy_runs())):
            told = f"missing: {'; '.join(lost)}"
            # Pages without a text are the rule now.
            for article_id, body in run.bare_pages.items():
                run.archive.keep_page(run.id, article_id, body)
        if told is not None:
            kept = f"; pages are kept in {run.archive.pages_folder(run.id)}"
            run.note(Verdict.LAYOUT_CHANGED, f"{told}; the site no longer looks as known{kept}")
        if reason != "finished" and not run.is_stopped:
            run.note(Verdict.INCOMPLETE, f"ended by {_setting(reason)} before all was fetched; run again")
        elif reason == "finished" and not run.problems and run.unfinished:
            depth = self._crawler.settings.getint("DEPTH_LIMIT")
            by = f"DEPTH_LIMIT={depth}" if depth else "a middleware or an extension"
            run.note(Verdict.INCOMPLETE, f"{run.unfinished}: {by} dropped the request; run again without it")
        if run.owed:
            run.note(
                Verdict.INCOMPLETE,
                f"{run.owed} pages failed or could not be read and are owed; the same command tries them again",
            )

    def _healthy_runs(self) -> list[dict[str, int]]:
        """Return the counts of the last runs that ended well, newest first."""
        reports = read_reports(self._run.archive.folder, _LOOKED_AT)
        return [report.counts for report in islice(filter(health.is_healthy, reports), _HEALTHY_RUNS)]

    def _bugs(self) -> bool:
        stats = self._crawler.stats
        return bool(stats.get_value("spider_exceptions/count") or stats.get_value("kcnacrawl/item_errors"))

    def _stats(self) -> dict[str, Any]:
        try:
            return self._crawler.stats.get_stats()
        except RuntimeError:
            return {}  # a crawl that could not be set up has counted nothing

    def _write(self, arguments: Mapping[str, str]) -> None:
        run = self._run
        facts: dict[str, Any] = {}
        try:
            facts = {
                "arguments": {name: _shown(value) for name, value in arguments.items()},
                "versions": versions(),
                "site": run.site.url,
                "counts": self._counts.all() | self._traffic(),
            }
        except Exception:
            # A bug here must not cost what else there is to tell.
            logger.exception("The report of the run could not be made whole")
            run.note(Verdict.ERROR, TOLD)
        report = RunReport(
            run_id=run.id,
            spider=self._crawler.spidercls.name,
            **facts,
            start=instant(run.started),
            end=instant(datetime.now(UTC)),
            finish_reason=self._reason or "error",
            verdict=str(run.verdict),
            exit_code=run.exit_code,
            message=run.message,
            warnings=run.warnings,
        )
        try:
            report.write(run.archive.folder)
        except OSError as error:
            run.note(Verdict.STORAGE, f"cannot write {error.filename}: {error.strerror or error}")
        else:
            self._written = run.verdict

    def _traffic(self) -> dict[str, int]:
        names = {
            "requests": "downloader/request_count",
            "responses": "downloader/response_count",
            "response_bytes": "downloader/response_bytes",
            "retries": "retry/count",
        }
        return {name: self._stats().get(stat, 0) for name, stat in names.items()}


def _setting(reason: str) -> str:
    """Return the setting that ended a run, as Scrapy's reasons for closing name it: ``closespider_itemcount``."""
    if reason.startswith("closespider_"):
        return reason.upper()
    return {"memusage_exceeded": "MEMUSAGE_LIMIT_MB"}.get(reason, f"a component ({reason})")


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
