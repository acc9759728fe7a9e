"""How a log that only grows is known again: by how long it was, and by its last blocks."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

LAST: Final = 64 << 10
"""So many of the bytes before an end tell that it is the end of the same log: lines name their runs and articles."""

SMALL: Final = 64 << 20
"""A log of so many bytes is read sooner than anyone notices."""

_CHUNK: Final = 1 << 20
_ONE: Final = 1 << 31
_POLYNOMIAL: Final = 0xEDB88320
_LENGTH_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far a log is known: ``crc`` is the CRC-32 of the last blocks of its first ``end`` bytes, and tells that it is
    still the log that it was. ``whole`` is that of all of them, for a small log and for who reads it anyhow; 0 in a
    store.
    """

    name: str
    end: int = 0
    crc: int = 0
    whole: int = 0


def is_still(path: Path, known: LogEnd) -> bool:
    """Return True if a file begins with the bytes that were known of it; a longer one has grown. Raise ``OSError``."""
    if path.stat().st_size < known.end:
        return False
    if known.whole and known.end <= SMALL:
        return crc_of(path, known.end) == known.whole
    # What was remembered before version 6 of the ledger is the CRC-32 of all.
    return zlib.crc32(last_blocks(path, known.end)) == known.crc or crc_of(path, known.end) == known.crc


def last_blocks(path: Path, end: int) -> bytes:
    """Return the last blocks of a file's first ``end`` bytes."""
    with path.open("rb") as file:
        file.seek(max(0, end - LAST))
        return file.read(min(end, LAST))


def end_of(path: Path, end: int, whole: int = 0) -> LogEnd:
    """Return how far a log is known whose first ``end`` bytes were read."""
    return LogEnd(path.name, end, zlib.crc32(last_blocks(path, end)), whole)


def joined(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of two texts in a row, by that of each and the length of the second, as zlib's
    ``crc32_combine`` does.
    """
    power = _ONE
    for bit, shift in zip(range(length.bit_length()), _shifts(), strict=False):
        if length >> bit & 1:
            power = _times(power, shift)
    return _times(power, first) ^ second


@cache
def _shifts() -> list[int]:
    """Return the powers of x that a text of 1, 2, 4 … bytes multiplies the CRC-32 of all before it by."""
    shifts = [_ONE >> 8]
    while len(shifts) < _LENGTH_BITS:
        shifts.append(_times(shifts[-1], shifts[-1]))
    return shifts


def _times(one: int, other: int) -> int:
    """Multiply two polynomials over GF(2), their lowest power in the highest bit, modulo that of CRC-32."""
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = one << 1 & 0xFFFFFFFF
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


def crc_of(path: Path, end: int) -> int:
    """Return the CRC-32 of a file's first ``end`` bytes; two gigabytes take a second."""
    crc = 0
    with path.open("rb") as file:
        while end > 0 and (data := file.read(min(end, _CHUNK))):
            crc = zlib.crc32(data, crc)
            end -= len(data)
    return crc
