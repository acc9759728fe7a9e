"""What workers of Dask are loaded with in tests. They tell which parts they begin, in ``begun`` beside the archive; and
where ``deadly`` lies there, the next to begin one removes it, and in the middle of that part kills itself, or the
process that the file names.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kcnacrawl import dask
from kcnacrawl.parts import Work, make


def dask_setup(_: object) -> None:
    dask.make = counted


def counted(work: Work[Any], given: Any, output: Path) -> None:
    beside = output.parents[3]
    with (beside / "begun").open("a", encoding="ascii") as file:
        file.write(f"{output.name}\n")
    try:
        victim = (beside / "deadly").read_text(encoding="ascii")
        (beside / "deadly").unlink()
    except FileNotFoundError:
        make(work, given, output)
    else:
        make(lambda given: killing(work(given), int(victim or os.getpid())), given, output)


def killing(blocks: Iterable[bytes], victim: int) -> Iterator[bytes]:
    for block in blocks:
        yield block
        os.kill(victim, signal.SIGKILL)
