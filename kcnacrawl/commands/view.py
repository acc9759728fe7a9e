"""``scrapy view``: Scrapy's, which leaves the archive alone."""

from scrapy.commands import view

from ..cli.checked_command import ScratchCommand


class Command(ScratchCommand, view.Command):
    """Replaces the built-in command of that name, as a project's command may."""
