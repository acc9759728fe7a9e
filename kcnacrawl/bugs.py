"""Exceptions that nobody foresaw, wherever they are raised.

Scrapy logs those of signal handlers, of components that are opened or closed, and of its own tasks, and goes on as if
nothing had happened.
"""

import logging
from types import TracebackType
from typing import Final, Self

from scrapy.exceptions import CloseSpider, DontCloseSpider

from .archive import StorageFailed
from .run import Run
from .verdict import Verdict

TOLD: Final = "an exception nobody foresaw; the log has its traceback: please report it"

# Where an error is logged that Scrapy, Twisted or asyncio has caught and goes on after. Not among them are errors of a
# page that could not be had, and of a feed that could not be stored.
_LOGGERS: Final = (
    "scrapy.utils.signal",
    "scrapy.core.engine",
    "scrapy.core.scraper",
    "scrapy.crawler",
    "scrapy.middleware",
    "asyncio",
    "twisted",
)


class BugWatch(logging.Handler):
    """Holds every exception that is logged as caught against the run, whatever the level of the log."""

    def __init__(self, run: Run) -> None:
        super().__init__(logging.ERROR)
        self._run = run

    def __enter__(self) -> Self:
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StorageFailed):
            self._run.note(Verdict.STORAGE, str(error))
        elif not is_foreseen(error):
            self._run.note(Verdict.ERROR, TOLD)


def is_foreseen(error: BaseException | None) -> bool:
    """Return True for what Scrapy raises to close, and for what a browser leaves behind that was taken away."""
    return isinstance(error, CloseSpider | DontCloseSpider) or type(error).__module__.startswith("playwright.")
