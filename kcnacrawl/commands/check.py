"""``scrapy check``: Scrapy's, with settings checked before anything starts."""

from scrapy.commands import check

from ..cli.checked_command import CheckedCommand


class Command(CheckedCommand, check.Command):
    """Replaces the built-in command of that name, as a project's command may."""
