"""Packed answers are unpacked whole, flagged, or refused."""

import gzip

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.utils.test import get_crawler

from kcnacrawl.downloadermiddlewares.compression import UNDECODABLE, StrictCompression
from kcnacrawl.exceptions import TooLarge

URL = "https://kcnawatch.org/"
PAGE = "<meta charset=euc-kr><p>김정은동지께서</p>".encode("euc-kr")


def strict() -> StrictCompression:
    return StrictCompression(limit=1000, stats=get_crawler().stats)


def answer(body: bytes, *encodings: str, kind: type[Response] = HtmlResponse) -> Response:
    middleware = strict()
    headers = {"Content-Encoding": list(encodings)} if encodings else {}
    return middleware.process_response(Request(URL), kind(URL, headers=headers, body=body))


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZIP "])
@pytest.mark.parametrize("kind", [HtmlResponse, Response])
def test_a_packed_page_is_as_the_plain_one(encoding: str, kind: type[Response]) -> None:
    response = answer(gzip.compress(PAGE), encoding, kind=kind)
    assert (response.body, response.flags, type(response)) == (PAGE, [], kind)
    assert "Content-Encoding" not in response.headers
    if isinstance(response, HtmlResponse):
        assert response.encoding == HtmlResponse(URL, body=PAGE).encoding


@pytest.mark.parametrize("encodings", [(), ("",), ("identity",)])
def test_a_plain_page_stays_as_it_is(encodings: tuple[str, ...]) -> None:
    response = answer(PAGE, *encodings)
    assert (response.body, response.flags) == (PAGE, [])


def test_nothing_packed_is_nothing() -> None:
    assert answer(b"", "gzip").flags == []
    assert answer(gzip.compress(b""), "gzip").body == b""


@pytest.mark.parametrize("encodings", [("br",), ("deflate",), ("gzip", "gzip"), ("gzip, gzip",)])
def test_what_was_not_asked_for_is_flagged(encodings: tuple[str, ...]) -> None:
    assert answer(gzip.compress(PAGE), *encodings).flags == [UNDECODABLE]


def test_what_does_not_unpack_is_flagged_and_what_unpacks_to_too_much_is_refused() -> None:
    assert answer(gzip.compress(PAGE)[:-1], "gzip").flags == [UNDECODABLE]
    with pytest.raises(TooLarge, match="unpacks to more than 1000 bytes"):
        answer(gzip.compress(bytes(1001)), "gzip")


def test_only_gzip_is_asked_for() -> None:
    request = Request(URL)
    strict().process_request(request)
    assert request.headers["Accept-Encoding"] == b"gzip"
