"""What ``scrapy NAME`` does beyond Scrapy's own."""

import os
import sys
from typing import Final

_STREAMS: Final = {"stdin": "r", "stdout": "w", "stderr": "w"}


def _open_streams() -> None:
    """Open standard streams that are closed, to nowhere."""
    # Python goes without; but the next file that is opened has the number of one, and what C code writes there.
    while (number := os.open(os.devnull, os.O_RDWR)) < len(_STREAMS):
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in _STREAMS.items():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - until the process ends


_open_streams()
