"""What commands share that fetch: arguments and settings are checked before Scrapy uses any of them."""

import argparse
from tempfile import TemporaryDirectory

from scrapy import Spider
from scrapy.commands import ScrapyCommand
from scrapy.settings import BaseSettings
from scrapy.spiderloader import get_spider_loader

from .. import scrapy_settings
from ..arguments import ArgumentError, text_alone
from ..config import Config, Render
from ..downloadermiddlewares.render import NO_BROWSER
from ..extras import extra
from ..verdict import spell_out
from .usage import refusing


class CheckedCommand(ScrapyCommand):
    """A command of Scrapy's that first refuses a bad argument or setting, in one line, with exit code 2."""

    config: Config

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        with refusing():
            scrapy_settings.check_given(opts.set)
            super().process_options(args, opts)
            settings = self.settings or BaseSettings()
            scrapy_settings.check(settings)
            self.config = Config.read(settings)
            check_cluster(self.config)
            self.check(args, opts)

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        """Raise :class:`ArgumentError` for what this command alone cannot use."""


class ScratchCommand(CheckedCommand):
    """A command that stores what it fetches in a temporary folder. It neither reads, writes nor locks the archive."""

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        super().check(args, opts)
        settings = self.settings or BaseSettings()
        if opts.spider:
            spider_named(opts.spider, settings)
        site = self.config.site
        for one in args:
            try:
                text_alone(one)
            except ValueError as error:
                raise ArgumentError(f"address {one[:200]!r}: {error}") from error
        if args and not site.serves(args[0]) and (address := site.identify(args[0])):
            # An article by another of the site's names, or of the site that a mirror stands for.
            args[0] = site.article(address)

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        spell_out()
        if self.settings is not None:
            self._scratch = TemporaryDirectory(prefix="kcnacrawl-")
            self.settings.set("KCNACRAWL_DIR", self._scratch.name, priority="cmdline")
            # A page that is fetched without a spider is asked for by the same name.
            self.settings.set("USER_AGENT", self.config.user_agent, priority="project")
            # There is nothing to tell of an archive that nobody has asked for.
            self.settings["EXTENSIONS"].set("kcnacrawl.extensions.report.Report", None, priority="cmdline")


def check_cluster(config: Config) -> None:
    """Raise :class:`ArgumentError` where workers are to share a crawl and the library for it is missing."""
    if config.cluster:
        with extra("cluster"):
            import procrastinate  # noqa: F401, PLC0415 - a library only where it is asked for


def check_browser(config: Config) -> None:
    """Raise :class:`ArgumentError` where a browser is always used and there is none."""
    if config.render is Render.ALWAYS and config.browser is None:
        from ..render.browser import find_chromium  # noqa: PLC0415 - plain runs need not load it

        if find_chromium() is None:
            raise ArgumentError(f"setting KCNACRAWL_RENDER='always': {NO_BROWSER}")


def spider_named(name: str, settings: BaseSettings) -> type[Spider]:
    """Return the spider of that name; raise :class:`ArgumentError` if there is none."""
    loader = get_spider_loader(settings)
    if name not in loader.list():
        raise ArgumentError(f"no spider {name!r}; there are: {', '.join(sorted(loader.list()))}")
    return loader.load(name)
