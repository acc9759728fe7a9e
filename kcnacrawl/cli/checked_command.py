"""What the commands share that fetch: arguments and settings are checked before Scrapy makes use of any of them."""

import argparse
from tempfile import TemporaryDirectory

from scrapy import Spider
from scrapy.commands import ScrapyCommand
from scrapy.settings import BaseSettings
from scrapy.spiderloader import get_spider_loader

from .. import scrapy_settings
from ..arguments import ArgumentError, text_alone
from ..downloadermiddlewares.render import read_browser, read_render
from ..limits import Limits
from ..run import read_contact, read_folder, read_site, user_agent
from ..verdict import spell_out
from .usage import refusing


class CheckedCommand(ScrapyCommand):
    """Stands before a command of Scrapy's: refuses a bad argument or setting in one line, with exit code 2."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        with refusing():
            scrapy_settings.check_given(opts.set)
            super().process_options(args, opts)
            settings = self.settings or BaseSettings()
            scrapy_settings.check(settings)
            check_project(settings)
            self.check(args, opts)

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        """Raise :class:`ArgumentError` for what this command alone cannot use."""


class ScratchCommand(CheckedCommand):
    """Keeps what the command stores in a folder that goes with it: the archive is neither read, written nor locked."""

    def check(self, args: list[str], opts: argparse.Namespace) -> None:
        super().check(args, opts)
        settings = self.settings or BaseSettings()
        if opts.spider:
            spider_named(opts.spider, settings)
        site = read_site(settings)
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
            self.settings.set("USER_AGENT", user_agent(self.settings), priority="project")
            # There is nothing to tell of an archive that nobody has asked for.
            self.settings["EXTENSIONS"].set("kcnacrawl.extensions.report.Report", None, priority="cmdline")


def check_project(settings: BaseSettings) -> None:
    """Raise :class:`ArgumentError` for the first setting of ours that is not what it must be."""
    read_site(settings)
    read_folder(settings)
    Limits.read(settings)
    read_contact(settings)
    read_render(settings)
    read_browser(settings)


def spider_named(name: str, settings: BaseSettings) -> type[Spider]:
    """Return the spider of that name; raise :class:`ArgumentError` if there is none."""
    loader = get_spider_loader(settings)
    if name not in loader.list():
        raise ArgumentError(f"no spider {name!r}; there are: {', '.join(sorted(loader.list()))}")
    return loader.load(name)
