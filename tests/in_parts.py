"""``python -m tests.in_parts N NAME …``: ``scrapy NAME …``, that cuts a log into small parts, and waits for a scheduler
as long as a busy machine takes, or ``PATIENCE``; it kills itself where it would hand out the Nth part (0: it does not).
"""

import os
import sys
from typing import Any

from scrapy.cmdline import execute

from kcnacrawl import dask
from kcnacrawl.archive import log
from kcnacrawl.parts import Parts

from .crashing import at_passage, die

if __name__ == "__main__":
    number, *words = sys.argv[1:]
    patched: list[Any] = [dask, log, Parts]
    patched[0]._PATIENCE = int(os.environ.get("PATIENCE", "60"))
    patched[1]._STRETCH = 30_000
    if int(number):
        patched[2]._output = at_passage(int(number), Parts._output, lambda *_: die())
    execute(["scrapy", *words])
