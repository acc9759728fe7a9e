"""What is ours in Datasette: a search that knows Korean, an article's page, and cells that lead there."""

import asyncio
import re
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from datasette import hookimpl  # type: ignore[import-untyped]  # has none
from datasette.utils.asgi import BadRequest, NotFound, Response  # type: ignore[import-untyped]  # as above
from markupsafe import Markup

from .. import atom
from ..archive import StorageFailed, Unreachable, changes
from ..archive.warc.reader import WarcReader
from ..arguments import ArgumentError, read_query
from ..held_sources import SITE, HeldSources
from ..items import Article
from ..pages import PageError
from ..pages.gzips import MAGIC, gunzip
from ..pages.inert import inert
from ..pages.text import decode
from ..reprints.beside import beside
from ..stores import words
from ..stores.newest import NEWEST, read_pairs, read_sources
from ..stores.sqlite import read_revisions
from ..stores.stories import read_story
from . import quick
from .guard import TAKEN

T = TypeVar("T")

STORE: Final = "store"
"""By this name Datasette knows it, whatever the file's: it is part of every address."""

NAME: Final = "kcnacrawl"
"""By this name Datasette keeps what the plug-in is told."""

_LARGEST_PAGE: Final = 8 * 1024 * 1024
_RELATIONS: Final = {"earlier": "earlier", "later": "later", "beside": "both are linked with one earlier article"}
_KINDS: Final = {
    "same": "nearly the same text",
    "cut": "the shorter text is part of the longer",
    "reworked": "reworked",
    "template": "the same to the letter, as a form may be",
    "translation": "perhaps a translation",
}
_CAUSES: Final = {"site": "the site shows something else", "reader": "the same page, read anew by a later version"}
_ID: Final = re.compile(r"[0-9]{10}-[0-9]{7,9}")
_NOTHING: Final = '""'
_LINK: Final = Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>')
# Until a first sync ends, nothing is counted yet.
_OVERVIEW: Final = """
SELECT coalesce((SELECT sum(articles) FROM counts), (SELECT count(*) FROM articles)) AS articles,
    (SELECT count(*) FROM edits) AS changes,
    (SELECT min(date_published) FROM articles) AS first,
    (SELECT max(date_published) FROM articles) AS last,
    (SELECT max(date_downloaded) FROM articles) AS downloaded
"""
_SOURCES: Final = """
WITH held AS (SELECT source_label, sum(articles) AS articles FROM counts GROUP BY source_label HAVING articles > 0)
SELECT source_label, articles,
    (SELECT min(date_published) FROM articles WHERE source_label IS held.source_label) AS first,
    (SELECT max(date_published) FROM articles WHERE source_label IS held.source_label) AS last
FROM held ORDER BY articles DESC
"""


# After Datasette's own, which cannot tell words in Korean.
@hookimpl(trylast=True)  # type: ignore[untyped-decorator]  # as above
def prepare_connection(conn: Any) -> None:
    conn.create_function("escape_fts", 1, _escape, deterministic=True)
    conn.create_function("kind_of_change", 4, changes.kind_of, deterministic=True)


def _escape(query: object) -> str:
    return words.match(str(query or "")) or _NOTHING


@hookimpl  # type: ignore[untyped-decorator]  # as above
def prepare_jinja2_environment(env: Any) -> None:
    env.filters["link"] = _link
    env.filters["excerpt"] = _excerpt


def _link(address: str, text: str | None = None) -> str:
    """Return an address to follow, if it is one of the web's."""
    is_web = re.match("https?://", address) and not re.search(r"\s", address)
    return _LINK.format(address, text or address) if is_web else address


def _excerpt(row: Any, query: str) -> Markup:
    """Return where an article's text holds what was looked for; nothing if only its headline does."""
    pieces = words.parts(row["article_body"], query)
    found = any(marked for _, marked in pieces)
    return Markup(words.snippet(pieces) if found else "")  # noqa: S704 - escaped there


@hookimpl  # type: ignore[untyped-decorator]  # as above
def render_cell(value: object, column: str) -> str | None:
    if not isinstance(value, str):
        return None
    if column == "id" and _ID.fullmatch(value):
        return Markup('<a href="/articles/{}">{}</a>').format(value, value)
    return _link(value) if isinstance(_link(value), Markup) else None


@hookimpl  # type: ignore[untyped-decorator]  # as above
def extra_template_vars(template: str, datasette: Any, request: Any) -> Any:
    async def overview() -> dict[str, Any]:
        store = datasette.get_database(STORE)
        queries = await datasette.get_canned_queries(STORE, request.actor)
        return {
            "overview": (await store.execute(_OVERVIEW)).first(),
            "sources": (await store.execute(_SOURCES)).rows,
            "saved_queries": queries.values(),
        }

    return overview if template == "index.html" else {"most": quick.MOST, "few": quick.FEW, "sample": quick.SAMPLE}


@hookimpl  # type: ignore[untyped-decorator]  # as above
def register_routes() -> list[tuple[str, Any]]:
    return [
        (rf"/articles/(?P<id>{_ID.pattern})(?P<json>\.json)?$", _article),
        (rf"/articles/(?P<id>{_ID.pattern})/(?P<revision>[0-9]{{1,6}}){TAKEN}$", _taken),
        (rf"/articles/(?P<id>{_ID.pattern})/beside/(?P<other>{_ID.pattern})$", _beside),
        (r"/feed\.atom$", _feed),
    ]


def _compared(revisions: Sequence[Article]) -> list[tuple[changes.Change, list[list[changes.Piece]]]]:
    return [
        (changes.compare(changes.Revision(old, new)), changes.marked(old.article_body, new.article_body))
        for old, new in pairwise(revisions)
    ]


async def _article(request: Any, datasette: Any) -> Any:
    wanted, store = request.url_vars["id"], datasette.get_database(STORE)
    revisions = await _revisions(wanted, store)
    story = await store.execute_fn(partial(read_story, wanted))
    if request.url_vars["json"]:
        held = {"article": revisions[-1], "revisions": revisions, "story": [one._asdict() for one in story]}
        body = msgspec.json.format(msgspec.json.encode(held))
        return Response(body, content_type="application/json; charset=utf-8")
    # A long speech that was written anew takes seconds, in which others are to be answered.
    compared = await asyncio.to_thread(_compared, revisions)
    context = {
        "article": revisions[-1],
        "first": revisions[0],
        "changes": compared[::-1],
        "by_number": {one.revision: one for one in revisions},
        "causes": _CAUSES,
        "story": story,
        "relations": _RELATIONS,
        "kinds": _KINDS,
    }
    return Response.html(await datasette.render_template("article.html", context, request=request))


async def _revisions(wanted: str, store: Any) -> list[Article]:
    revisions: list[Article] = await store.execute_fn(partial(read_revisions, wanted))
    if not revisions:
        raise NotFound(f"The store holds no article {wanted}")
    return revisions


async def _beside(request: Any, datasette: Any) -> Any:
    store = datasette.get_database(STORE)
    pair = [(await _revisions(request.url_vars[name], store))[-1] for name in ("id", "other")]
    pair.sort(key=lambda one: (one.date_published or one.date_listed or "", one.id))
    texts = await asyncio.to_thread(lambda: beside(*(one.article_body for one in pair)))
    context = {
        "columns": list(zip(pair, texts, ("del", "ins"), strict=True)),
        # Of a translation, all is another.
        "is_compared": len({one.in_language for one in pair}) == 1,
    }
    return Response.html(await datasette.render_template("beside.html", context, request=request))


async def _taken(request: Any, datasette: Any) -> Any:
    wanted, revision = request.url_vars["id"], int(request.url_vars["revision"])
    revisions = await datasette.get_database(STORE).execute_fn(partial(read_revisions, wanted))
    found = next((one.warc_record_id for one in revisions if one.revision == revision), None)
    if found is None:
        raise NotFound(f"The store knows no page of article {wanted}, revision {revision}")
    try:
        page = await asyncio.to_thread(_read_page, Path(datasette.plugin_config(NAME)["warc"]), found)
    except (StorageFailed, Unreachable, ValueError, PageError) as error:
        raise NotFound(f"The page of article {wanted}, revision {revision}, cannot be shown: {error}") from error
    return Response.html(page)


def _read_page(folder: Path, record_id: str) -> str:
    """Return a kept page as a browser may show it. Raise :class:`StorageFailed`,
    :class:`Unreachable`, ``ValueError``, ``PageError``."""
    with WarcReader(folder) as reader:
        kept = reader.find(record_id)
    if kept is None:
        raise StorageFailed(f"{record_id} is not in {folder}")
    body = gunzip(kept.payload, _LARGEST_PAGE) if kept.payload.startswith(MAGIC) else kept.payload
    types = [value for name, value in kept.headers if name.lower() == "content-type"]
    declared = re.search(r"charset=[\"']?([\w.:-]{1,40})", types[0]) if types else None
    return inert(decode(body, declared[1] if declared else "utf-8"))


async def _feed(request: Any, datasette: Any) -> Any:
    store = datasette.get_database(STORE)
    source, query = (request.args.get(name) or "" for name in ("source", "query"))
    asked = {
        "sources": await _source_keys(source, store) if source else None,
        "query": _asked("query", query, lambda text: words.checked(read_query(text, SITE))) if query else None,
        "number": atom.NEWEST,
    }
    found = [tuple(row)[:2] for row in (await store.execute(NEWEST, asked)).rows]
    revisions = await store.execute_fn(partial(read_pairs, found))
    told = await asyncio.to_thread(lambda: [changes.compare(one) for one in revisions])
    body = atom.feed(atom.About(new=True, source=source, query=query), told, request.url)
    return Response(body, content_type="application/atom+xml; charset=utf-8")


async def _source_keys(text: str, store: Any) -> str:
    sources = _asked("source", text, HeldSources.read)
    keys = [one.key for one in await store.execute_fn(read_sources) if sources.hold(one)]
    try:
        sources.check()
    except ArgumentError as error:
        raise NotFound(str(error)) from error
    return msgspec.json.encode(keys).decode()


def _asked(name: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise BadRequest(f"{name} {text[:200]!r}: {error}") from error


@hookimpl  # type: ignore[untyped-decorator]  # as above
def handle_exception(datasette: Any, request: Any, exception: Exception) -> Any:
    async def answer() -> Any:
        status = getattr(exception, "status", None)
        if status is None:
            status = 500
            traceback.print_exception(exception)
        message = _what_failed(exception)
        if request.path.endswith(".json"):
            return Response.json({"ok": False, "error": message, "status": status}, status=status)
        context = {"status": status, "message": message}
        return Response.html(await datasette.render_template("error.html", context, request=request), status=status)

    return answer


def _what_failed(exception: Exception) -> str:
    # Of a query that took too long, Datasette tells in HTML.
    if getattr(exception, "message_is_html", False):
        return str(exception.title)  # type: ignore[attr-defined]
    return str(getattr(exception, "message", exception))
