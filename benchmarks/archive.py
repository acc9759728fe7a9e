"""``python benchmarks/archive.py [ARTICLES …]``: what archives of these sizes (default: 1,000 and 10,000) cost.

For each size: the ledger rebuilt; the archive verified; a run's start where it was closed in order, after a kill, and
where the log was copied; a recheck that looks at one article, of a site that does not answer; the changes since
yesterday; and with ``--report``, which first fills a SQLite store, the report. Beside each the same of an empty
archive. The CPU's time is that of all processes, the memory that of the largest.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archives import articles, write
from bench import ROOT, SCRAPY, run

OPEN = "import sys; from pathlib import Path; from kcnacrawl.archive.archive import Archive; {}"
START = [sys.executable, "-c", OPEN.format("Archive(Path(sys.argv[1])).open()")]
CLOSED = [
    sys.executable,
    "-c",
    OPEN.format("import asyncio; a = Archive(Path(sys.argv[1])); a.open(); asyncio.run(a.close())"),
]
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def scrapy(folder: Path, *words: str) -> list[str]:
    return [*SCRAPY, *words, "-s", f"KCNACRAWL_DIR={folder}"]


def steps(folder: Path, *, with_report: bool) -> Iterator[tuple[str, Callable[[], object], list[str]]]:
    """What is measured, and what is done before."""
    ledger, log = folder / "ledger.sqlite", folder / "articles.jsonl"
    seal, nowhere = ledger.with_name(f"{ledger.name}.sha256"), "KCNACRAWL_URL=http://127.0.0.1:9"

    def close() -> None:
        subprocess.run([*CLOSED, str(folder)], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)

    def remove() -> None:
        ledger.unlink(missing_ok=True)
        seal.unlink(missing_ok=True)

    yield "rebuild", remove, [*START, str(folder)]
    yield "verify", close, scrapy(folder, "verify")
    yield "start, closed in order", close, [*START, str(folder)]
    yield "start, after a kill", lambda: seal.unlink(missing_ok=True), [*START, str(folder)]
    yield "start, the log copied", lambda: (close(), os.utime(log)), [*START, str(folder)]
    recheck = scrapy(folder, "crawl", "recheck", "-a", "limit=1", "-s", nowhere, "-s", "RETRY_TIMES=0")
    yield "recheck limit=1", close, recheck
    yield "changes --since yesterday", close, scrapy(folder, "changes", "--since", YESTERDAY)
    if with_report:
        store = f"sqlite:///{folder}/store.sqlite"
        sync = scrapy(folder, "sync", store)
        yield "report", lambda: subprocess.run(sync, cwd=ROOT, check=True), scrapy(folder, "report")


def main() -> None:
    words = sys.argv[1:]
    counts = [0, *map(int, [one for one in words if one != "--report"] or ["1000", "10000"])]
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
            folder = Path(name)
            write(folder, articles(count))
            with (folder / "articles.jsonl").open("rb") as file:
                lines = sum(1 for _ in file)
                print(f"{lines:,} records, {file.tell() / 1e6:,.0f} MB")
            for what, before, command in steps(folder, with_report="--report" in words):
                before()
                cost = run(command, may_fail=True)
                print(f"  {what:26}{cost.seconds:7.2f} s  {cost.cpu:7.2f} s of CPU  {cost.memory:4.0f} MB", flush=True)


if __name__ == "__main__":
    main()
