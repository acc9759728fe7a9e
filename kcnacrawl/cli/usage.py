"""Refusing a bad argument, option or setting: in one line, with exit code 2, by every command."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from scrapy.exceptions import UsageError

from ..arguments import ArgumentError
from ..run import printable
from ..verdict import Verdict, say


@contextmanager
def refusing() -> Iterator[None]:
    """Leave with what is wrong with a command line, whoever finds it, in place of Scrapy's page of usage."""
    try:
        yield
    except ArgumentError as error:
        refuse(str(error))
    except UsageError as error:
        if not str(error):
            raise
        refuse(str(error))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror or error}")


def refuse(message: str) -> NoReturn:
    """Leave for a bad argument, option or setting."""
    say(printable(message))
    sys.exit(Verdict.USAGE.exit_code())
