"""Gzip data from the network: whole, or not at all."""

import gzip

import pytest

from kcnacrawl.pages.gzips import BrokenGzip, TooLong, gunzip

TEXT = b"They spoke of looms. " * 10_000
PACKED = gzip.compress(TEXT)


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        (PACKED, TEXT),
        (PACKED + PACKED, TEXT + TEXT),
        (PACKED + bytes(8), TEXT),
        (PACKED + b"and more", TEXT),
        (gzip.compress(b""), b""),
    ],
    ids=["one member", "two members", "padded", "something after it", "nothing in it"],
)
def test_what_is_whole_is_unpacked(packed: bytes, plain: bytes) -> None:
    assert gunzip(packed, 2 * len(TEXT)) == plain


@pytest.mark.parametrize("end", range(0, len(PACKED), 37))
def test_what_breaks_off_is_told_wherever_it_does(end: int) -> None:
    with pytest.raises(BrokenGzip):
        gunzip(PACKED[:end], len(TEXT))
    with pytest.raises(BrokenGzip):
        gunzip(PACKED + PACKED[: max(2, end)], 2 * len(TEXT))


def test_what_is_no_gzip_is_told() -> None:
    with pytest.raises(BrokenGzip):
        gunzip(b"<p>words</p>", 100)
    with pytest.raises(BrokenGzip):
        gunzip(PACKED[:200] + b"x" + PACKED[201:], len(TEXT))


def test_nothing_beyond_the_limit_is_unpacked() -> None:
    assert gunzip(PACKED, len(TEXT)) == TEXT
    with pytest.raises(TooLong):
        gunzip(PACKED, len(TEXT) - 1)
    with pytest.raises(TooLong):
        gunzip(PACKED + PACKED, len(TEXT) + 1)


def test_a_file_of_members_without_end_is_refused() -> None:
    with pytest.raises(BrokenGzip, match="members"):
        gunzip(gzip.compress(b"") * 100_000, 1_000_000)
