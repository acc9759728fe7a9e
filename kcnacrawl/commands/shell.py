"""``scrapy shell``: Scrapy's, which leaves the archive alone."""

from scrapy.commands import shell

from ..cli.checked_command import ScratchCommand


class Command(ScratchCommand, shell.Command):
    """Replaces the built-in command of that name, as a project's command may."""
