"""``python -m tests.clock DAYS crawl …``: Scrapy, with the project's clock so many days ahead (or behind)."""

import sys
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from pkgutil import walk_packages

from scrapy.cmdline import execute

import kcnacrawl


def shift(days: float) -> None:
    """Has every module of the project read a clock that is off by so many days."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    for found in walk_packages(kcnacrawl.__path__, "kcnacrawl."):
        if not found.name.startswith("kcnacrawl.replica"):
            module = import_module(found.name)
            if getattr(module, "datetime", None) is datetime:
                module.datetime = Shifted


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    execute(["scrapy", *sys.argv[2:]])
