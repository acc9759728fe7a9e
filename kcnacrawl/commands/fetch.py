"""``scrapy fetch``: Scrapy's, which leaves the archive alone."""

from scrapy.commands import fetch

from ..cli.checked_command import ScratchCommand


class Command(ScratchCommand, fetch.Command):
    """Replaces the built-in command of that name, as a project's command may."""
