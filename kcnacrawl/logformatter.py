"""Log lines of one line each: an article is 4 KB, and none of it belongs in a log."""

from typing import Any

from scrapy import Spider
from scrapy import logformatter as base
from scrapy.http import Response
from twisted.python.failure import Failure


class LogFormatter(base.LogFormatter):
    """Scrapy's, without the items."""

    def scraped(
        self,
        item: Any,
        response: Response | Failure | None,
        spider: Spider,
    ) -> base.LogFormatterResult:
        line = super().scraped(item, response, spider)
        return {**line, "msg": "Stored %(item)s", "args": {"item": getattr(item, "id", item)}}

    def dropped(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> base.LogFormatterResult:
        line = super().dropped(item, exception, response, spider)
        return {**line, "msg": "%(exception)s", "args": {"exception": exception}}

    def item_error(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> base.LogFormatterResult:
        line = super().item_error(item, exception, response, spider)
        return {**line, "args": {"item": getattr(item, "id", item)}}
