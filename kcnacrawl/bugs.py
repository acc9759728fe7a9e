"""Exceptions that nobody foresaw, wherever they are raised.

Scrapy logs those of signal handlers, of components that are opened or closed, and of its own tasks, and goes on as if
nothing had happened.
"""

import asyncio
import gc
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
    "scrapy.core",
    "scrapy.crawler",
    "scrapy.middleware",
    "asyncio",
    "twisted",
)


_NETWORK: Final = ("scrapy.", "twisted.", "OpenSSL.", "service_identity.", "playwright.", "kcnacrawl.")
_LIBRARIES: Final = (*_NETWORK[:-1], "urllib.", "w3lib.", "idna.", "encodings.", "http.", "ipaddress", "codecs")

logger = logging.getLogger(__name__)


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
        # Of a task whose exception nobody asked for, asyncio tells when it is let go.
        gc.collect()
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None and record.name.startswith("scrapy.core.downloader"):
            # A page that is too large, or cut.
            return
        if isinstance(error, StorageFailed):
            self._run.note(Verdict.STORAGE, str(error))
        elif not is_foreseen(error):
            self._run.note(Verdict.ERROR, TOLD)


def watch(task: "asyncio.Task[None]", run: Run) -> None:
    """Hold the exception of a task of ours against the run."""

    def tell(done: "asyncio.Task[None]") -> None:
        if not done.cancelled() and (error := done.exception()) is not None and not is_foreseen(error):
            run.note(Verdict.ERROR, TOLD)
            logger.error("A task failed", exc_info=error)

    task.add_done_callback(tell)


def is_of_the_network(error: BaseException) -> bool:
    """Return True for what Scrapy, Twisted, a browser or a component of ours raises of a page that cannot be had; and
    for a value that a library could not read in what the site sent.
    """
    if isinstance(error, OSError) or any(cls.__module__.startswith(_NETWORK) for cls in type(error).__mro__):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised_in = str(trace.tb_frame.f_globals.get("__name__", "")) if trace is not None else ""
    return isinstance(error, ValueError) and raised_in.startswith(_LIBRARIES)


def is_foreseen(error: BaseException | None) -> bool:
    """Return True for what Scrapy raises to close, and for what a browser leaves behind that was taken away."""
    return isinstance(error, CloseSpider | DontCloseSpider) or type(error).__module__.startswith("playwright.")
