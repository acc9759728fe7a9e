"""``scrapy parse URL``: Scrapy's, which prints what a spider makes of a page, and leaves the archive alone."""

import argparse
from dataclasses import fields

from scrapy.commands import parse

from ..cli.checked_command import ScratchCommand, spider_named
from ..spiders.base import KcnaSpider


class Command(ScratchCommand, parse.Command):
    """Replaces the built-in command of that name, as a project's command may. The spider is ``article``, unless another
    one is named.
    """

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        super().check(args, opts)
        if self.settings is None or len(args) != 1:
            return  # Scrapy's own message tells of it
        opts.spider = opts.spider or "article"
        spider = spider_named(opts.spider, self.settings)
        if issubclass(spider, KcnaSpider):
            taken = {one.name for one in fields(spider.arguments_class)}
            if "url" in taken and not taken & opts.spargs.keys():
                # The page to be parsed is the article that the spider is for.
                opts.spargs["url"] = args[0]
            spider.arguments_class.read(opts.spargs, self.config.site)
