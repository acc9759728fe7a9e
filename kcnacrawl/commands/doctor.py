"""``scrapy doctor``: what of the pages is still where it was. Run it first against the live site."""

import argparse
from typing import Any, ClassVar

from scrapy.crawler import AsyncCrawlerProcess

from ..arguments import ArgumentError, DoctorArguments, as_path
from ..cli.checked_command import CheckedCommand
from ..examination import DoctorSpider, Finding
from ..run import Run
from ..verdict import Verdict, show, tell


class Command(CheckedCommand):
    requires_project = True
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] [URL]"

    def short_desc(self) -> str:
        return "Look at one listing, one page of More Articles and one article: which anchors match"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        told = "keep the pages in DIR as test cases to be reviewed"
        parser.add_argument("--save", metavar="DIR", type=as_path, help=told)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        process = self.crawler_process
        try:
            if len(args) > 1:
                raise ArgumentError(f"doctor takes one address: {args[1]!r}")
            given = {"url": args[0]} if args else {}
            DoctorArguments.read(given, self.config.site)
            if not isinstance(process, AsyncCrawlerProcess):
                raise ArgumentError("setting TWISTED_REACTOR: kcnacrawl runs on the asyncio reactor, Scrapy's default")
        except ArgumentError as error:
            self.exitcode = Verdict.USAGE.exit_code()
            tell(Verdict.USAGE, self.exitcode, str(error))
            return
        crawler = process.create_crawler(DoctorSpider)
        process.crawl(crawler, save=opts.save, **given)
        process.start()
        run = Run.of(crawler)
        if isinstance(crawler.spider, DoctorSpider):
            _print_table(crawler.spider.findings)
        self.exitcode = run.exit_code
        if run.message:
            tell(run.verdict, run.exit_code, run.message)


def _print_table(findings: list[Finding]) -> None:
    """Print a line for each anchor, in columns, page by page in the order they were fetched."""
    page, lines = None, list[str]()
    for one in findings:
        lines.append(f"{one.page if one.page != page else '':11} {one.anchor:14} {one.state:9} {one.matched}".rstrip())
        page = one.page
    show("".join(f"{line}\n" for line in lines))
