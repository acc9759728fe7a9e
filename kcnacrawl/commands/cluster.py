"""``scrapy cluster plan|work|status``: the same crawl shared out over machines, on PostgreSQL."""

import argparse
import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scrapy.settings import BaseSettings

from .. import scrapy_settings
from ..archive.known_sources import read_known_sources
from ..arguments import PYONGYANG, ArgumentError, days, whole
from ..cli.archive_command import ArchiveCommand, option, print_json
from ..config import Config
from ..extras import extra
from ..verdict import Verdict, tell

if TYPE_CHECKING:
    from ..cluster.worker import Crawling

ACTIONS: Final = ("plan", "work", "status")

_OURS: Final = ("KCNACRAWL_URL=", "KCNACRAWL_DIR=", "KCNACRAWL_CLUSTER=")


class Command(ArchiveCommand):
    words = "|".join(ACTIONS)

    def short_desc(self) -> str:
        return "Share a crawl out over machines: plan its shards, work them off, tell how far it is"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        told = "plan: queue also the windows from this day on (default: only the heads of the lists)"
        parser.add_argument("--since", metavar="DAY", help=told)
        parser.add_argument("--months", metavar="N", default="1", help="plan: how long a window is (default: 1)")
        told = "plan: sources by number, by comma (default: all that the archive in KCNACRAWL_DIR knows)"
        parser.add_argument("--source", metavar="N,…", help=told)
        parser.add_argument("--again", action="store_true", help="plan: queue also the windows that are done")
        parser.add_argument("--once", action="store_true", help="work: leave when no shard waits")
        parser.add_argument("--jsonl", action="store_true", help="status: one JSON object a line")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        del folder
        if self.word not in ACTIONS:
            raise ArgumentError(f"cluster takes one of {', '.join(ACTIONS)}, not {self.word[:200]!r}")
        settings = self.settings or BaseSettings()
        scrapy_settings.check(settings)
        config = Config.read(settings)
        if not config.cluster:
            raise ArgumentError("setting KCNACRAWL_CLUSTER is not set: give a database as postgresql://…")
        if self.word == "plan":
            return _plan(config, opts)
        if self.word == "work":
            return _work(config, opts)
        return _status(config, opts)


def _plan(config: Config, opts: argparse.Namespace) -> int:
    with extra("cluster"):
        from ..cluster.plan import plan  # noqa: PLC0415 - a library only where it is asked for
        from ..cluster.queue import put  # noqa: PLC0415
    since = option("since", opts.since, lambda text: days(text)[0])
    months = option("months", opts.months, lambda text: whole(text, least=1, most=1200)) or 1
    sources = option("source", opts.source, _numbers) or read_known_sources(config.folder)
    if not sources:
        raise ArgumentError(f"{config.folder} knows no source: run `scrapy crawl sources` first, or give --source")
    fresh = datetime.now(PYONGYANG).date() - timedelta(days=config.rewalk_days)
    shards = list(plan(config.site.url, sources, since, fresh, months))
    queued = asyncio.run(put(config.cluster, shards, again=opts.again))
    print(f"{queued} of {len(shards)} shards queued; the others wait, are at work, or done")
    return Verdict.OK.exit_code()


def _numbers(text: str) -> list[int]:
    return list(dict.fromkeys(whole(one.strip(), least=1) for one in text.split(",")))


def _work(config: Config, opts: argparse.Namespace) -> int:
    with extra("cluster"):
        from ..cluster.worker import work  # noqa: PLC0415 - as above
    number = asyncio.run(work(config.cluster, _crawling(config, opts), config.stalled_after, is_once=opts.once))
    if not number:
        return Verdict.OK.exit_code()
    exit_code = Verdict.INTERRUPTED.exit_code(number)
    tell(Verdict.INTERRUPTED, exit_code, "stopped by a signal; what was at work is queued again")
    return exit_code


def _crawling(config: Config, opts: argparse.Namespace) -> "Crawling":
    """Return how the children crawl: as the worker was told to, but for the site and the folder. The database, whose
    address may hold a password, is in their environment and not on their command line.
    """
    from ..cluster.worker import Crawling  # noqa: PLC0415 - as above

    settings = [pair for pair in opts.set if not pair.startswith(_OURS)]
    if not any(pair.startswith("LOG_LEVEL=") for pair in settings):
        settings.append("LOG_LEVEL=WARNING")
    environment = os.environ | {"KCNACRAWL_CLUSTER": config.cluster}
    return Crawling(folder=config.folder.absolute(), settings=settings, environment=environment)


def _status(config: Config, opts: argparse.Namespace) -> int:
    with extra("cluster"):
        from ..cluster.status import lines, read_status  # noqa: PLC0415 - as above
    found = asyncio.run(read_status(config.cluster, config.stalled_after))
    if opts.jsonl:
        for one in found:
            print_json(one)
    else:
        print("\n".join(lines(found)))
    return Verdict.OK.exit_code()
