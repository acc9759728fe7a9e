"""Where the kept answers to some requests are, in the order in which they came."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from .cdxj import cdxj_path, line_on
from .files import KeptFile, kept_files
from .reader import Damaged, read_members


class KeptAt(NamedTuple):
    """An answer: its address, when it came (``YYYYMMDDhhmmss``), and where its member begins and how long it is."""

    url: str
    moment: str
    file: str
    offset: int
    length: int


def kept_answers(folder: Path, is_wanted: Callable[[str], bool]) -> Iterator[KeptAt]:
    """Yield the answers with status 200 whose address is wanted. Raise ``OSError``, and
    :class:`~kcnacrawl.archive.Unreachable` for a file that is elsewhere and has no index here.

    The index beside each file is read, not the file; of one that has none, and of one that a killed run left open, the
    records. Memory holds what one file has of them.
    """
    for file in kept_files(folder):
        index = cdxj_path(folder / file.name)
        is_indexed = not file.is_open and index.exists()
        lines = index.read_text(encoding="utf-8").splitlines() if is_indexed else _lines_of(file)
        found = (_read(line) for line in lines)
        yield from sorted((one for one in found if one and is_wanted(one.url)), key=lambda one: one.offset)


def _lines_of(file: KeptFile) -> Iterator[str]:
    with contextlib.suppress(Damaged):
        for one in read_members(file):
            if one.is_response:
                yield line_on(one, file.name)


def _read(line: str) -> KeptAt | None:
    _, moment, fields = line.split(" ", 2)
    told: dict[str, str] = json.loads(fields)
    if told.get("status") != "200":
        return None
    return KeptAt(told["url"], moment, told["filename"], int(told["offset"]), int(told["length"]))
