"""``scrapy runspider``: Scrapy's, with settings checked before anything starts."""

from scrapy.commands import runspider

from ..cli.checked_command import CheckedCommand


class Command(CheckedCommand, runspider.Command):
    """Replaces the built-in command of that name, as a project's command may."""
