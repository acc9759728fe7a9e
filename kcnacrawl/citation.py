"""A reference for one record: as a sentence, in BibTeX, and as CSL-JSON. Pure."""

import re
from datetime import date
from typing import Any, Final

from .items import Article

_ARCHIVE: Final = "KCNA Watch"
_UNKNOWN: Final = "unknown source"
# What BibTeX takes for its own.
_SPECIAL: Final = re.compile(r"[\\{}$&%#_^~]")
_ESCAPED: Final = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}


def sentence(article: Article) -> str:
    """Return a reference for a footnote, in one line."""
    published = _spoken(article.date_published) if article.date_published else "undated"
    original = f" (original: {article.original_url})" if article.original_url else ""
    return (
        f"“{article.headline}”, {_source(article)}, {published}. {_ARCHIVE}, {article.url}{original}, retrieved"
        f" {_spoken(article.date_downloaded)}. {_proof(article)}."
    )


def bibtex(article: Article) -> str:
    """Return an entry for a bibliography in BibTeX, in UTF-8."""
    fields = {
        "title": f"{{{_escaped(article.headline)}}}",
        "organization": _escaped(_source(article)),
        "date": article.date_published,
        "year": article.date_published and article.date_published[:4],
        "howpublished": _ARCHIVE,
        "url": article.url,
        "urldate": article.date_downloaded[:10],
        "langid": article.in_language,
        "note": _escaped(_proof(article)),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{_key(article)},\n{lines}\n}}"


def csl(article: Article) -> list[dict[str, Any]]:
    """Return the reference as CSL-JSON, which Zotero, pandoc and citation processors read."""
    fields: dict[str, Any] = {
        "id": _key(article),
        "type": "article-newspaper",
        "title": article.headline,
        "container-title": _source(article),
        "archive": _ARCHIVE,
        "URL": article.url,
        "issued": _parts(article.date_published),
        "accessed": _parts(article.date_downloaded[:10]),
        "language": article.in_language,
        "note": _proof(article),
    }
    return [{name: value for name, value in fields.items() if value}]


def _key(article: Article) -> str:
    return f"kcna-{article.id}-{article.revision}"


def _source(article: Article) -> str:
    return article.source_name or article.source_label or _UNKNOWN


def _proof(article: Article) -> str:
    """Return what tells the very text that is cited, and the bytes it was read from."""
    told = [f"Article {article.id}", f"revision {article.revision}"]
    told += ["removed from the site"] if article.status == "gone" else []
    told += [f"SHA-256 of the text {article.body_sha256}"]
    told += [f"WARC record {article.warc_record_id}"] if article.warc_record_id else []
    return ", ".join(told)


def _spoken(day: str) -> str:
    found = date.fromisoformat(day[:10])
    return f"{found.day} {found:%B %Y}"


def _parts(day: str | None) -> dict[str, list[list[int]]] | None:
    return {"date-parts": [[int(part) for part in day.split("-")]]} if day else None


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: _ESCAPED.get(found[0], f"\\{found[0]}"), text)
