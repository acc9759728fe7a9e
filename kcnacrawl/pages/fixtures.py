"""Saved pages as test cases: a folder each, with ``input.html`` as it came, ``meta.json`` (where it was found) and
``expected.json`` (what it holds, once a person has reviewed it).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from ..site.urls import Site
from . import PageError
from .ajax_id import ajax_ids
from .article import ArticlePage
from .home import sources
from .listing import ListingPage


def _read_article(markup: str, url: str, site: Site) -> dict[str, Any]:
    try:
        return asdict(ArticlePage(markup, url, site).read())
    except PageError as error:
        return {"error": error.reason}


def _read_listing(markup: str, url: str, site: Site) -> dict[str, Any]:
    page = ListingPage(markup, url, site)
    return {
        "cards": [asdict(card) for card in page.cards],
        "is_end": page.is_end,
        "has_more": page.has_more,
        "ajax_ids": ajax_ids(markup),
    }


def _read_home(markup: str, url: str, site: Site) -> dict[str, Any]:
    return {"sources": [asdict(source) for source in sources(markup, url, site)]}


READERS: Final[Mapping[str, Callable[[str, str, Site], dict[str, Any]]]] = {
    "article": _read_article,
    "listing": _read_listing,
    "more_from": _read_listing,
    "home": _read_home,
}
"""What a page of each kind holds. Raises :class:`~kcnacrawl.pages.PageError`, but for an article."""


def save_case(folder: Path, kind: str, markup: str, body: bytes, url: str, site: Site) -> None:
    """Keep a page as a case. Raise ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "input.html").write_bytes(body)
    _write(folder / "meta.json", {"url": url, "site": site.url})
    try:
        _write(folder / "expected.json", READERS[kind](markup, url, site))
    except PageError as error:
        _write(folder / "expected.json", {"error": error.reason})


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
