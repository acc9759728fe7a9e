"""The page around the figures: one file that asks nothing of any network, and runs no code but its own.

Vega is in it, whole. Its expressions are interpreted (Vega, "Expression Interpreter"), so that the page's policy need
not allow ``eval``.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import __version__
from ..archive.coverage import Month, read_coverage
from ..archive.run_report import RunReport, read_reports
from ..run import printable
from ..stores.summary import Summary, summarise
from . import figures
from .figures import Cell, Figure, named

_BUNDLED: Final = "globalThis.vegaEmbed = vegaEmbed;"
_DAYS: Final = timedelta(days=364)
_RUNS: Final = 30
_CHANGES: Final = 50
_CHANGES_SINCE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is on the page: by day ``since`` a year ago; of ``runs`` the last, newest first."""

    folder: Path
    made: datetime
    since: date
    months: Sequence[Month]
    summary: Summary
    runs: Sequence[RunReport]


@dataclass(frozen=True, slots=True)
class KeyNumber:
    """One of the few numbers above all others; ``is_well`` if nobody need act, ``None`` if that cannot be said."""

    value: str
    name: str
    says: str
    is_well: bool | None = None


def read(folder: Path, store: Path, now: datetime) -> Contents:
    """Return what ledger, store and reports of an archive say now. Raise :class:`~kcnacrawl.archive.StorageFailed`,
    ``ArgumentError``, :class:`~kcnacrawl.stores.StoreDown`.
    """
    today = now.date()
    return Contents(
        folder=folder,
        made=now,
        since=today - _DAYS,
        months=read_coverage(folder, today),
        summary=summarise(store, today - _DAYS, today, _CHANGES),
        runs=list(read_reports(folder, _RUNS)),
    )


def render(contents: Contents) -> bytes:
    """Return the page, in UTF-8."""
    today = contents.made.date()
    summary = contents.summary
    sections = {
        "coverage": figures.calendars(contents.months),
        "volume": figures.volumes(summary, contents.since, today),
        "lag": figures.lags(summary, today),
        "texts": [figures.languages(summary), figures.truncation(summary)],
        "changes": [figures.changes(summary)],
        "reprints": figures.reprints(summary),
    }
    pieces = {name: _source(name) for name in ("page.css", "page.js")}
    bundle = _bundle()
    page = _ENVIRONMENT.get_template("page.html").render(
        **sections,
        contents=contents,
        first=min((one.first for one in summary.groups if one.first), default=None),
        last=max((one.last for one in summary.groups if one.last), default=None),
        live=sum(one.articles for one in summary.groups if one.status == "live"),
        gone=sum(one.articles for one in summary.groups if one.status == "gone"),
        sources=len({one.source for one in contents.months if one.source}),
        key_numbers=list(_key_numbers(contents)),
        version=__version__,
        drawings=_drawings([one for section in sections.values() for one in section]),
        style=pieces["page.css"],
        scripts=[bundle, pieces["page.js"]],
        policy=_policy(pieces["page.css"], [bundle, pieces["page.js"]]),
    )
    return page.encode()


def _key_numbers(contents: Contents) -> Iterator[KeyNumber]:
    months, summary = contents.months, contents.summary
    owed, gaps = sum(one.owed for one in months), sum(not one.is_walked for one in months)
    yield KeyNumber(f"{owed:,}", "owed", "failed; the next run tries them again", owed == 0)
    yield KeyNumber(f"{gaps:,}", "gaps", "months or ends of lists not walked whole", gaps == 0)
    live = [one for one in summary.groups if one.status == "live"]
    cut = sum(one.articles for one in live if one.access == "truncated")
    share = f"{100 * cut / max(1, sum(one.articles for one in live)):.1f} %"
    yield KeyNumber(share, "truncated", f"the site cuts {cut:,} of the texts")
    since = (contents.made.date() - _CHANGES_SINCE).isoformat()
    recent = [(kind, count) for day, kind, count in summary.changes if day >= since]
    edits = sum(count for kind, count in recent if kind == "edited")
    removals = sum(count for kind, count in recent if kind == "removed")
    yield KeyNumber(f"{edits:,} + {removals:,}", "edits + removals", f"seen in the last {_CHANGES_SINCE.days} days")
    if contents.runs:
        run = contents.runs[0]
        when = f"the last run, {run.spider}, ended {run.ended:%Y-%m-%d %H:%M} UTC"
        yield KeyNumber(run.verdict, f"exit {run.exit_code}", when, run.exit_code == 0)


def _drawings(all_figures: Sequence[Figure]) -> dict[str, Any]:
    """Return what the script draws: every chart once, and for each figure which one, with its data."""
    drawn = [one for one in all_figures if one.rows]
    charts = list[dict[str, Any]]()
    for one in drawn:
        if one.chart not in charts:
            charts.append(one.chart)
    return {
        "config": figures.CONFIG,
        "charts": charts,
        "figures": [
            {"id": one.id, "chart": charts.index(one.chart), "columns": one.columns, "rows": one.rows} for one in drawn
        ],
    }


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed, of the version that Altair writes for. This takes seconds."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    # What ends a script element would end it in a string, too.
    return vl_convert.javascript_bundle(_BUNDLED, vl_version=version).replace("</script", "<\\/script")


def _policy(style: str, scripts: Sequence[str]) -> str:
    allowed = " ".join(map(_hashed, scripts))
    return f"default-src 'none'; script-src {allowed}; style-src {_hashed(style)}; base-uri 'none'; form-action 'none'"


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _source(name: str) -> str:
    source, _, _ = _LOADER.get_source(_ENVIRONMENT, name)
    return source


def _cell(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else printable(cell or "")


def _is_link(url: str) -> bool:
    return url.startswith(("https://", "http://"))


_LOADER: Final = PackageLoader("kcnacrawl", "report")
_ENVIRONMENT: Final = Environment(
    loader=_LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters |= {"cell": _cell, "named": named, "printable": printable}
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
_ENVIRONMENT.tests["link"] = _is_link
