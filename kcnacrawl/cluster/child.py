"""``python -m kcnacrawl.cluster.child PARENT WORD…``: ``scrapy WORD…`` that ends with the process that started it.

A worker that is killed says nothing to its child; the kernel does.
"""

import ctypes
import os
import signal
import sys
from typing import Final

from scrapy.cmdline import execute

_PR_SET_PDEATHSIG: Final = 1


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the one that started it has ended, however it did. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It ended before the kernel was told.
        sys.exit(1)


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    execute(["scrapy", *sys.argv[2:]])
