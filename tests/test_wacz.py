"""The kept pages as one file: valid, with the bytes that the records were read from, whole or in part."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from kcnacrawl.replica.server import Replica

from .conftest import Crawl, scrapy

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

VALIDATOR = Path(sys.executable).parent / "wacz"


def made(folder: Path, *words: str) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The pages that a file lists, and the payloads it holds, by the id of their record."""
    file = folder.parent / "pages.wacz"
    done = scrapy(folder, "wacz", str(file), *words)
    assert (done.returncode, done.stderr) == (0, "")
    checked = subprocess.run([VALIDATOR, "validate", "-f", file], capture_output=True, text=True)
    assert "the passed WACZ is valid" in checked.stdout, checked.stderr
    with zipfile.ZipFile(file) as packed:
        pages = [json.loads(line) for line in packed.read("pages/pages.jsonl").splitlines()]
        kept = {
            record.rec_headers["WARC-Record-ID"].strip("<>"): record.content_stream().read()
            for record in ArchiveIterator(io.BytesIO(packed.read("archive/pages.warc.gz")))
        }
    assert pages[0]["format"] == "json-pages-1.0"
    assert done.stdout == f"{file}: {len(pages) - 1} page{'s' * (len(pages) != 2)}\n"
    return pages[1:], kept


def test_every_record_has_its_page_in_it(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    done = crawl(serve(articles=40, sources=2).url, "source", folder=tmp_path / "archive")
    pages, kept = made(done.folder)
    assert [page["title"] for page in pages] == [one["headline"] for one in done.records]
    assert kept.keys() == {one["warc_record_id"] for one in done.records}
    shown = next(one for one in done.records if one["article_body"])
    assert shown["article_body"].split()[0].encode() in kept[shown["warc_record_id"]]


def test_a_page_that_came_again_as_it_was_has_its_bytes(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=10, sources=1)
    folder = tmp_path / "archive"
    crawl(replica.url, "source", folder=folder)
    (folder / "articles.jsonl").unlink()
    (folder / "ledger.sqlite").unlink()
    done = crawl(replica.url, "source", folder=folder)
    pages, kept = made(folder)
    assert len(pages) == len(done.records)
    # Each refers to the first, which is there as well.
    assert len(kept) == 2 * len(done.records)


def test_a_part_may_be_taken(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    done = crawl(serve(articles=60, sources=2).url, "source", folder=tmp_path / "archive")
    first, second = (one["id"] for one in done.records[:2])
    assert len(made(done.folder, "--id", f"{first},https://kcnawatch.org/newstream/{second}/x")[0]) == 2
    day = sorted(one["date_published"] for one in done.records)[-10]
    some = [one for one in done.records if one["date_published"] >= day and one["source_id"] == 156]
    pages, _ = made(done.folder, "--since", day, "--source", "156")
    assert {page["title"] for page in pages} == {one["headline"] for one in some}
    assert made(done.folder, "--until", "1990")[0] == []


def test_what_is_not_kept_is_told_and_nothing_is_written(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    done = crawl(serve(articles=10, sources=1).url, "source", folder=tmp_path / "archive")
    for kept in (done.folder / "warc").glob("*.warc.gz"):
        kept.unlink()
    told = scrapy(done.folder, "wacz", str(tmp_path / "a.wacz"))
    assert told.returncode == 7
    assert f"{done.records[0]['warc_record_id']} is not kept" in told.stderr
    assert list(tmp_path.iterdir()) == [done.folder]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["x.wacz", "--since", "soon"], 2, "option --since='soon': not YYYY-MM-DD"),
        (["x.wacz", "--id", "looms"], 2, "option --id='looms': 'looms' is no article"),
        (["nowhere/x.wacz"], 2, "nowhere/x.wacz: no file in a folder that there is"),
        ([], 2, "wacz needs FILE"),
        (["x.wacz"], 7, "articles.jsonl does not exist"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], code: int, line: str) -> None:
    done = scrapy(tmp_path, "wacz", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
