"""Gzip data, unpacked whole or not at all (RFC 1952). Pure, and bounded: they come from the network."""

import zlib
from typing import Final

MAGIC: Final = b"\x1f\x8b"
"""What gzip data begin with."""


# Each costs a copy of what follows it; no server sends so many.
_MOST_MEMBERS: Final = 100


class BrokenGzip(ValueError):
    """The data are no gzip, or break off; the message says which."""


class TooLong(ValueError):
    """The data unpack to more than was allowed."""


def gunzip(packed: bytes, limit: int) -> bytes:
    """Return what ``packed`` holds, at most ``limit`` bytes. Raise :class:`BrokenGzip`, :class:`TooLong`."""
    plain = b""
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            plain += member.decompress(packed, limit - len(plain) + 1)
        except zlib.error as error:
            raise BrokenGzip(str(error)) from error
        if len(plain) > limit:
            raise TooLong(f"more than {limit} bytes")
        if not member.eof:
            raise BrokenGzip("it is cut off")
        # Several members are one file; what else follows the last is ignored, as browsers do.
        packed = member.unused_data
        if not packed.startswith(MAGIC):
            return plain
    raise BrokenGzip(f"more than {_MOST_MEMBERS} members")
