"""Metrics of the last run for Prometheus' node exporter: ``--textfile FILE``.

The command writes them, and no signal's handler: only then is the exit code known, also of a run that could not start.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from scrapy.crawler import Crawler

from ..archive.log import write_whole
from ..items import Reason
from ..run import Run
from ..verdict import Verdict

logger = logging.getLogger(__name__)

# The texts must not vary: the exporter puts the files of several spiders together only where they agree.
METRICS: Final = {
    "kcnacrawl_last_run_end_timestamp_seconds": "When the last run ended, in seconds since 1970.",
    "kcnacrawl_last_run_duration_seconds": "How long the last run took.",
    "kcnacrawl_last_run_exit_code": "What the last run left with.",
    "kcnacrawl_last_run_verdict": "1 for the verdict of the last run, 0 for every other.",
    "kcnacrawl_last_success_timestamp_seconds": "When a run last ended with exit code 0; 0 if none ever did.",
    "kcnacrawl_last_run_new_articles": "Articles that the last run stored for the first time.",
    "kcnacrawl_last_run_revised_articles": "Articles of which the last run stored another revision.",
    "kcnacrawl_last_run_rejected_pages": "Pages that the last run put into quarantine, by reason.",
    "kcnacrawl_last_run_requests": "Requests that the last run sent.",
    "kcnacrawl_last_run_response_bytes": "Bytes that the last run was answered with, as they came over the wire.",
    "kcnacrawl_owed_pages": "Pages owed inside what the last run was asked for.",
}
"""Every metric, all of them gauges, and what it tells."""

_SUCCESS: Final = "kcnacrawl_last_success_timestamp_seconds"


class Sample(NamedTuple):
    """A value of a metric."""

    name: str
    labels: Mapping[str, str]
    value: float


def write_textfile(path: Path, crawler: Crawler) -> None:
    """Replace the file by the metrics of the run that ends now. Raise ``OSError``.

    Leave it alone after a run that was locked out: what counts is the run that holds the archive.
    """
    run = Run.of(crawler)
    if run.verdict is Verdict.LOCKED:
        return
    # The folder as well: two archives of one machine must not share a series.
    labels = {"spider": crawler.spidercls.name, "archive": str(run.archive.folder.absolute())}
    samples = list(_samples(run, labels, _stats(crawler), _last_success(path, labels)))
    write_whole(path, exposition(samples))


def exposition(samples: Sequence[Sample]) -> bytes:
    """Return samples in Prometheus' text format, those of a name together."""
    registry = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for one in samples:
        if one.name not in gauges:
            gauges[one.name] = Gauge(one.name, METRICS[one.name], list(one.labels), registry=registry)
        gauges[one.name].labels(**{label: _readable(value) for label, value in one.labels.items()}).set(one.value)
    return generate_latest(registry)


def _samples(run: Run, labels: Mapping[str, str], stats: Mapping[str, int], last_success: float) -> Iterator[Sample]:
    now = datetime.now(UTC)
    values = {
        "kcnacrawl_last_run_end_timestamp_seconds": int(now.timestamp()),
        "kcnacrawl_last_run_duration_seconds": round((now - run.started).total_seconds(), 3),
        "kcnacrawl_last_run_exit_code": run.exit_code,
        _SUCCESS: int(now.timestamp()) if run.verdict is Verdict.OK else last_success,
        "kcnacrawl_last_run_new_articles": stats.get("kcnacrawl/articles/new", 0),
        "kcnacrawl_last_run_revised_articles": stats.get("kcnacrawl/articles/revised", 0),
        "kcnacrawl_last_run_requests": stats.get("downloader/request_count", 0),
        "kcnacrawl_last_run_response_bytes": stats.get("downloader/response_bytes", 0),
        "kcnacrawl_owed_pages": run.owed,
    }
    for name, value in values.items():
        yield Sample(name, labels, value)
    for verdict in Verdict:
        yield Sample("kcnacrawl_last_run_verdict", {**labels, "verdict": verdict}, int(verdict is run.verdict))
    for reason in get_args(Reason):
        number = stats.get(f"kcnacrawl/rejected/{reason}", 0)
        yield Sample("kcnacrawl_last_run_rejected_pages", {**labels, "reason": reason}, number)


def _stats(crawler: Crawler) -> Mapping[str, int]:
    try:
        return crawler.stats.get_stats()
    except RuntimeError:
        return {}  # a crawl that could not be set up has counted nothing


def _last_success(path: Path, labels: Mapping[str, str]) -> float:
    """Return what the file told before of this spider and archive; 0 if it told nothing."""
    if not path.is_file():
        return 0
    wanted = {name: _readable(value) for name, value in labels.items()}
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except ValueError as error:
        logger.warning("%s is no file of metrics and is replaced: %s", path, error)
        return 0
    told = (one for family in families for one in family.samples if one.name == _SUCCESS and one.labels == wanted)
    return next((one.value for one in told), 0)


def _readable(value: str) -> str:
    # The name of a folder may hold bytes that are no UTF-8; Prometheus reads nothing else.
    return value.encode(errors="replace").decode()
