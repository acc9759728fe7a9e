"""Counts in, figures out: what is drawn (Vega-Lite, by Altair), and the same in a table. No I/O, no clock.

Colours are variables of the page's style sheet, so that a chart is dark where the page is. What comes from the archive
stands in ``rows`` and tables alone, never in a chart's own words.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, groupby, pairwise
from typing import Any, Final, TypeVar

import altair as alt

from ..archive.coverage import EARLIER, UNDATED, Month
from ..run import printable
from ..stores.summary import Summary

T = TypeVar("T", bound=Hashable)

Cell = str | int | float | None

RECENT: Final = timedelta(weeks=13)
MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
KINDS: Final = ("edited", "removed", "restored", "opened")
LANGUAGES: Final = {
    "en": "English",
    "ko": "Korean",
    "zh": "Chinese",
    "ru": "Russian",
    "ja": "Japanese",
    "es": "Spanish",
    "fr": "French",
    "de": "German",
    "ar": "Arabic",
}

# More colours than these nobody tells apart.
_COLOURS: Final = 7
_OTHERS: Final = "all others"
_LAGS: Final = ((0, "same day"), (1, "1 day"), (2, "2 days"), (7, "3–7 days"), (30, "8–30 days"), (365, "31–365 days"))
_MEASURES: Final = ("median", "nine in ten")
_LONGER: Final = "over a year"
_SHARES: Final = ((0.0, "none"), (5.0, "up to 5 %"), (20.0, "5–20 %"), (50.0, "20–50 %"), (100.0, "over 50 %"))
_X: Final = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"
_STATES: Final = {"held": "", "gap": _X, "unread": "circle", "owed": "triangle-up"}
_ROW: Final = 13
_NEARBY: Final = 50
_AXIS_OF_TIME: Final[dict[str, Any]] = {
    "format": "%b %Y",
    "grid": False,
    "labelOverlap": "parity",
    "labelSeparation": 8,
}
_MONTHLY: Final = alt.Axis(**_AXIS_OF_TIME, tickCount="month")
_BARE: Final = alt.Axis(title=None, ticks=False, domain=False)
_YEARLY: Final = alt.Axis(title=None, labelAngle=0, labelOverlap="greedy", labelSeparation=4, ticks=False, domain=False)
_AXES: Final = {"utcyearmonthdate": _MONTHLY, "utcyearmonth": alt.Axis(**_AXIS_OF_TIME)}
_FORMATS: Final = {"utcyearmonthdate": "%Y-%m-%d", "utcyearmonth": "%Y-%m"}
# Whole names of sources: some differ at their ends alone, as (EN) and (KR).
_LONGEST_NAME: Final = 180
CONFIG: Final[dict[str, Any]] = {
    # What a chart is, the page says around it.
    "aria": False,
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "gridColor": "var(--line)",
        "labelLimit": _LONGEST_NAME,
    },
    "legend": {
        "orient": "bottom",
        "labelColor": "var(--ink)",
        "titleColor": "var(--soft)",
        "titleFontWeight": "normal",
        "labelLimit": _LONGEST_NAME,
        # Not of the chart's own width, which is known only when room was made for the legend.
        "columns": {"expr": f"max(1, floor(containerSize()[0] / {_LONGEST_NAME + 25}))"},
        "symbolType": "square",
        "symbolStrokeWidth": 0,
    },
}


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a figure for who cannot see it: ``head`` over ``rows``; the first column holds their names."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart of ``rows``, whose cells its ``columns`` name; nothing is drawn of none. ``says`` is how to read it."""

    id: str
    title: str
    says: str
    chart: dict[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    table: Table


def named(label: str | None) -> str:
    """Return what a person calls a source."""
    return printable(label or "") or "of unknown source"


def language(code: str | None) -> str:
    """Return what a person calls a language."""
    return "unknown" if code is None else LANGUAGES.get(code, code)


# Coverage


def calendars(months: Sequence[Month]) -> list[Figure]:
    """Return a figure for each source: its months in a grid of years."""
    dated = [one for one in months if one.month not in {EARLIER, UNDATED}]
    chart = _calendar(sorted({one.month[:4] for one in dated}), max((one.held for one in dated), default=0))
    by_source = groupby(months, key=lambda one: (one.source, one.label))
    return [
        _calendar_of(number, source, label, list(group), chart)
        for number, ((source, label), group) in enumerate(by_source, start=1)
    ]


def _calendar_of(number: int, source: str, label: str | None, months: list[Month], chart: dict[str, Any]) -> Figure:
    dated = [one for one in months if one.month not in {EARLIER, UNDATED}]
    columns = ("year", "month", "state", "held", "truncated", "gone", "owed", "no record", "days not walked")
    return Figure(
        id=f"calendar-{number}",
        title=f"{named(label)} ({printable(source)})"
        if label and source
        else named(label or (source and f"source {source}")),
        says=" ".join(_notes(months)),
        chart=chart,
        columns=columns,
        rows=[(one.month[:4], MONTHS[int(one.month[5:]) - 1], _state(one), *_counts(one)) for one in dated],
        table=Table(("year", "listed", *columns[3:]), list(_by_year(months))),
    )


def _counts(month: Month) -> tuple[int, ...]:
    return (month.held, month.truncated, month.gone, month.owed, month.missing, month.never_walked or 0)


def _state(month: Month) -> str:
    if month.owed:
        return "owed"
    if not month.is_walked:
        return "gap"
    return "unread" if month.missing else "held"


def _notes(months: Sequence[Month]) -> Iterator[str]:
    yield f"{sum(one.held for one in months):,} held, {sum(one.owed for one in months):,} owed."
    if any(one.month == EARLIER for one in months):
        yield "No walk has reached the list’s end: there may be earlier ones."
    for one in months:
        if one.month == UNDATED:
            yield f"{one.held + one.gone + one.missing:,} without a date."


def _by_year(months: Sequence[Month]) -> Iterator[tuple[Cell, ...]]:
    for year, group in groupby(months, key=lambda one: one.month if one.month in {EARLIER, UNDATED} else one.month[:4]):
        found = list(group)
        sums = (sum(column) for column in zip(*((one.listed, *_counts(one)) for one in found), strict=True))
        yield ("earlier", *[0] * 6, "all") if year == EARLIER else (year, *sums)


def _calendar(years: Sequence[str], most: int) -> dict[str, Any]:
    state = alt.Scale(domain=list(_STATES), range=[f"var(--{name})" for name in _STATES])
    base = alt.Chart(alt.NamedData("rows")).encode(
        x=alt.X("year:O", scale=alt.Scale(domain=_years(years)), axis=_YEARLY),
        y=alt.Y("month:O", scale=alt.Scale(domain=MONTHS), axis=_BARE),
        tooltip=[
            alt.Tooltip("year:O"),
            alt.Tooltip("month:O"),
            *(
                alt.Tooltip(f"{name}:Q", format=",")
                for name in ("held", "truncated", "gone", "owed", "no record", "days not walked")
            ),
        ],
    )
    dense = alt.FillOpacity(
        "held:Q", scale=alt.Scale(type="sqrt", domain=[0, max(most, 1)], range=[0.12, 1]), legend=None
    )
    cells = base.mark_rect(strokeWidth=1, width=alt.RelativeBandSize(0.86), height=alt.RelativeBandSize(0.86)).encode(
        fill=alt.Fill("state:N", scale=state, legend=None),
        stroke=alt.Stroke("state:N", scale=state, legend=None),
        fillOpacity=dense,
    )
    signs = {name: sign for name, sign in _STATES.items() if sign}
    marks = (
        base.mark_point(filled=True, size=22, opacity=1, fill="var(--ink)", strokeWidth=0)
        .transform_filter(alt.FieldOneOfPredicate(field="state", oneOf=list(signs)))
        .encode(
            shape=alt.Shape("state:N", scale=alt.Scale(domain=list(signs), range=list(signs.values())), legend=None)
        )
    )
    return _finished(alt.layer(cells, marks), height=12 * _ROW)


def _years(years: Sequence[str]) -> list[str]:
    """Return these years and all between them, twelve at least; of a date that is centuries off, its own year alone."""
    numbers = sorted(map(int, years))
    if numbers:
        numbers.insert(0, max(min(numbers[0], numbers[-1] - 11), 1))
    nearby = (range(this, after) for this, after in pairwise(numbers) if after - this < _NEARBY)
    return [f"{year:04}" for year in sorted({*numbers, *chain.from_iterable(nearby)})]


# Volume


def volumes(summary: Summary, since: date, until: date) -> list[Figure]:
    """Return the figures of articles by day of the last year, and by month of all."""
    name, names = _few(((one.source, one.articles) for one in summary.groups), named)
    days = _summed((day, name(source), articles) for source, day, articles in summary.days)
    dated = [(one.month, name(one.source), one.articles) for one in summary.groups if one.month is not None]
    months, years = _summed(dated), _summed((month[:4], source, articles) for month, source, articles in dated)
    window = _between(since, until + timedelta(days=1))
    return [
        Figure(
            id="days",
            title="Articles a day",
            says=f"By day of publication, {since} to {until}. A source that falls silent is a colour that ends.",
            chart=_stack("utcyearmonthdate", "articles a day", "source", names, days, window),
            columns=("when", "source", "articles", "place"),
            rows=_placed(days, names),
            table=Table(("month", "articles", "busiest day", "articles on it"), list(_busiest(days))),
        ),
        Figure(
            id="months",
            title="Articles a month",
            says="By month of publication, over all years, with those that were removed since.",
            chart=_stack("utcyearmonth", "articles a month", "source", names, months, _span(months)),
            columns=("when", "source", "articles", "place"),
            rows=_placed(months, names),
            table=_pivot("year", years, names),
        ),
    ]


def _busiest(days: Sequence[tuple[str, str, int]]) -> Iterator[tuple[Cell, ...]]:
    for month, group in groupby(days, key=lambda row: row[0][:7]):
        totals = Counter[str]()
        for day, _, articles in group:
            totals[day] += articles
        day, most = totals.most_common(1)[0]
        yield month, totals.total(), day, most


# Lag


def lags(summary: Summary, until: date) -> list[Figure]:
    """Return the figures of days from publication to the first download: how they are distributed, and the trend."""
    recent = (until - RECENT).isoformat()
    whose = {
        "all": _binned((lag, articles) for _, lag, articles in summary.lags),
        f"of the last {RECENT.days // 7} weeks": _binned(
            (lag, articles) for week, lag, articles in summary.lags if week is not None and week > recent
        ),
    }
    bins = [label for _, label in _LAGS] + [_LONGER]
    rows = [
        (label, who, _percent(counts[label], counts.total()), counts[label])
        for who, counts in whose.items()
        if counts
        for label in bins
    ]
    weeks = list(_weekly(summary.lags))
    return [
        Figure(
            id="lag",
            title="From publication to download",
            says="In days of the calendar in Pyongyang. Of what was taken as a backlog the age tells nothing;"
            " what is recent should have been taken within a day or two of a daily run.",
            chart=_grouped(bins, list(whose)),
            columns=("lag", "articles", "share", "number"),
            rows=rows,
            table=Table(("lag", "articles", "share in %", "number"), rows),
        ),
        Figure(
            id="lag-by-week",
            title="Lag of the last year, by week of publication",
            says="Half of a week’s articles were taken within the median, nine in ten within the upper line.",
            chart=_lines(max((upper for _, _, upper, _ in weeks), default=0)),
            columns=("week", "measure", "days"),
            rows=[(week, name, days) for week, *both, _ in weeks for name, days in zip(_MEASURES, both, strict=True)],
            table=Table(("week from", *(f"{name} in days" for name in _MEASURES), "articles"), weeks),
        ),
    ]


def _binned(lags: Iterable[tuple[int, int]]) -> Counter[str]:
    counts = Counter[str]()
    for lag, articles in lags:
        counts[next((label for most, label in _LAGS if lag <= most), _LONGER)] += articles
    return counts


def _weekly(lags: Iterable[tuple[str | None, int, int]]) -> Iterator[tuple[str, int, int, int]]:
    weeks = defaultdict[str, Counter[int]](Counter)
    for week, lag, articles in lags:
        if week is not None:
            weeks[week][lag] += articles
    for week, counts in sorted(weeks.items()):
        yield week, _quantile(counts, 0.5), _quantile(counts, 0.9), counts.total()


def _quantile(counts: Counter[int], share: float) -> int:
    """Return the smallest value that such a share of all do not exceed."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return max(counts)


def _grouped(bins: Sequence[str], whose: Sequence[str]) -> dict[str, Any]:
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of articles, %", axis=alt.Axis(tickCount=5, domain=False, ticks=False)),
            y=alt.Y("lag:N", sort=list(bins), title=None, axis=alt.Axis(ticks=False)),
            yOffset=alt.YOffset("articles:N", sort=list(whose)),
            color=alt.Color("articles:N", scale=_colours(whose), title="articles", legend=alt.Legend(columns=1)),
            tooltip=[
                "lag:N",
                "articles:N",
                alt.Tooltip("share:Q", title="share, %"),
                alt.Tooltip("number:Q", format=","),
            ],
        )
    )
    return _finished(chart, height=28 * len(bins))


def _lines(most: int) -> dict[str, Any]:
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_line(point=alt.OverlayMarkDef(size=28, filled=True), interpolate="monotone")
        .encode(
            x=alt.X("utcyearmonthdate(week):T", title=None, axis=_MONTHLY),
            y=alt.Y(
                "days:Q",
                title="days, logarithmic",
                scale=alt.Scale(type="symlog", domain=[0, max(most, 7)]),
                axis=alt.Axis(values=[0, 1, 3, 7, 30, 100, 365], domain=False, ticks=False),
            ),
            color=alt.Color("measure:N", scale=_colours(_MEASURES), title="measure"),
            shape=alt.Shape("measure:N", scale=alt.Scale(domain=list(_MEASURES)), title="measure"),
            tooltip=[
                alt.Tooltip("utcyearmonthdate(week):T", format="%Y-%m-%d", title="week from"),
                "measure:N",
                alt.Tooltip("days:Q"),
            ],
        )
    )
    return _finished(chart, height=190)


# Languages and truncation


def languages(summary: Summary) -> Figure:
    """Return the figure of the languages that the texts of each source are in."""
    name, names = _few(((one.language, one.articles) for one in summary.groups), language)
    found = _summed((named(one.source), name(one.language), one.articles) for one in summary.groups)
    totals = Counter[str]()
    for source, _, articles in found:
        totals[source] += articles
    sources = [source for source, _ in totals.most_common()]
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            x=alt.X(
                "articles:Q",
                stack="normalize",
                title="share of articles",
                axis=alt.Axis(format="%", tickCount=5, grid=False),
            ),
            y=alt.Y("source:N", sort=sources, axis=_BARE),
            color=alt.Color("language:N", scale=_colours(names), title="language of the text"),
            order=alt.Order("place:Q"),
            tooltip=[
                "source:N",
                "language:N",
                alt.Tooltip("articles:Q", format=","),
                alt.Tooltip("share:Q", title="share, %"),
            ],
        )
    )
    return Figure(
        id="languages",
        title="Languages",
        says="Of the texts, as they were recognised, whatever the source’s label says; the largest source first.",
        chart=_finished(chart, height=max(22 * len(sources), 40)),
        columns=("source", "language", "articles", "place", "share"),
        rows=[(*row, _percent(row[2], totals[row[0]])) for row in _placed(found, names)],
        table=_pivot("source", found, names),
    )


def truncation(summary: Summary) -> Figure:
    """Return the figure of the share that the site shows in part only, by source and year."""
    counts = defaultdict[tuple[str, str], Counter[str]](Counter)
    for one in summary.groups:
        if one.status == "live" and one.month is not None:
            counts[named(one.source), one.month[:4]][one.access] += one.articles
    rows = [
        (source, year, found.total(), found["truncated"], share, next(name for most, name in _SHARES if share <= most))
        for (source, year), found in sorted(counts.items())
        for share in (_percent(found["truncated"], found.total()),)
    ]
    names = [name for _, name in _SHARES]
    totals = Counter[str]()
    for row in rows:
        totals[row[0]] += row[2]
    sources = [source for source, _ in totals.most_common()]
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_rect(stroke="var(--line)", strokeWidth=1)
        .encode(
            x=alt.X("year:O", scale=alt.Scale(domain=_years(sorted({row[1] for row in rows}))), axis=_YEARLY),
            y=alt.Y("source:N", sort=sources, axis=_BARE),
            color=alt.Color("class:N", scale=_colours(names, "t"), title="truncated"),
            tooltip=[
                "source:N",
                "year:O",
                alt.Tooltip("articles:Q", format=","),
                alt.Tooltip("truncated:Q", format=","),
                alt.Tooltip("share:Q", title="share, %"),
            ],
        )
    )
    return Figure(
        id="truncated",
        title="Truncated texts",
        says="The share of a source’s articles of a year that the site cuts for who has no subscription.",
        chart=_finished(chart, height=max(20 * len(sources), 40)),
        columns=("source", "year", "articles", "truncated", "share", "class"),
        rows=rows,
        table=Table(("source", "articles", "truncated", "share in %"), list(_of_sources(rows))),
    )


def _of_sources(rows: Sequence[tuple[str, str, int, int, float, str]]) -> Iterator[tuple[Cell, ...]]:
    for source, group in groupby(rows, key=lambda row: row[0]):
        found = list(group)
        articles, truncated = sum(row[2] for row in found), sum(row[3] for row in found)
        yield source, articles, truncated, _percent(truncated, articles)


# Changes


def changes(summary: Summary) -> Figure:
    """Return the figure of edits and removals by the month in which they were seen."""
    months = _summed((day[:7], kind, count) for day, kind, count in summary.changes)
    return Figure(
        id="changes",
        title="Edits and removals",
        says="By the month in which they were seen. Opened: shown whole, where it was cut. Restored: there again.",
        chart=_stack("utcyearmonth", "revisions a month", "change", KINDS, months, _span(months)),
        columns=("when", "change", "articles", "place"),
        rows=_placed(months, KINDS),
        table=_pivot("month", months, KINDS),
    )


# Reprints


def reprints(summary: Summary) -> list[Figure]:
    """Return the figures of who takes from whom, and how many days later."""
    pairs = _summed((named(first), named(taker), articles) for first, taker, _, articles in summary.takings)
    days = Counter[tuple[str, int]]()
    for _, taker, day, articles in summary.takings:
        days[named(taker), day] += articles
    name, names = _few(((taker, articles) for (taker, _), articles in days.items()), str)
    late = Counter[tuple[int, str]]()
    for (taker, day), articles in days.items():
        late[day, name(taker)] += articles
    return [
        Figure(
            id="takings",
            title="Who takes from whom",
            says="A row printed the story first, a column printed it again: whole, cut or reworked."
            " Who was first by date need not be whom it was taken from.",
            chart=_matrix(pairs),
            columns=("first", "taker", "articles"),
            rows=pairs,
            table=_pivot("printed first by", pairs, sorted({taker for _, taker, _ in pairs})),
        ),
        Figure(
            id="lateness",
            title="How late",
            says="Days from the first print to the later one, by who took it.",
            chart=_by_days(names, max((day for _, day in days), default=0)),
            columns=("days", "source", "articles", "place"),
            rows=[(day, taker, articles, names.index(taker)) for (day, taker), articles in sorted(late.items())],
            table=Table(("taken by", "articles", "same day, %", "median days"), list(_takers(days))),
        ),
    ]


def _takers(days: Counter[tuple[str, int]]) -> Iterator[tuple[Cell, ...]]:
    for taker, group in groupby(sorted(days.items()), key=lambda one: one[0][0]):
        late = Counter({day: articles for (_, day), articles in group})
        yield taker, late.total(), _percent(late[0], late.total()), _quantile(late, 0.5)


def _matrix(pairs: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    firsts, takers = ([source for source, _ in _ranked(pairs, place)] for place in (0, 1))
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_rect(fill="var(--held)", stroke="var(--line)", strokeWidth=1)
        .encode(
            x=alt.X("taker:N", sort=takers, axis=alt.Axis(title=None, ticks=False, domain=False, labelAngle=-60)),
            y=alt.Y("first:N", sort=firsts, axis=_BARE),
            fillOpacity=alt.FillOpacity(
                "articles:Q",
                scale=alt.Scale(type="sqrt", domain=[0, max((row[2] for row in pairs), default=1)], range=[0.08, 1]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("first:N", title="printed first by"),
                alt.Tooltip("taker:N", title="taken by"),
                alt.Tooltip("articles:Q", format=","),
            ],
        )
    )
    return _finished(chart, height=max(22 * len(firsts), 40))


def _ranked(pairs: Sequence[tuple[str, str, int]], place: int) -> list[tuple[str, int]]:
    totals = Counter[str]()
    for row in pairs:
        totals[str(row[place])] += row[2]
    return totals.most_common()


def _by_days(names: Sequence[str], latest: int) -> dict[str, Any]:
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar()
        .encode(
            x=alt.X(
                "days:O",
                title="days later",
                scale=alt.Scale(domain=list(range(latest + 1))),
                axis=alt.Axis(labelAngle=0, ticks=False),
            ),
            y=alt.Y("articles:Q", title="articles", axis=alt.Axis(tickCount=4, domain=False, ticks=False)),
            color=alt.Color("source:N", scale=_colours(names), title="taken by"),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("days:O", title="days later"),
                alt.Tooltip("source:N", title="taken by"),
                alt.Tooltip("articles:Q", format=","),
            ],
        )
    )
    return _finished(chart, height=210)


# What the figures share


def _few(counts: Iterable[tuple[T, int]], name: Callable[[T], str]) -> tuple[Callable[[T], str], list[str]]:
    """Return the names of those that count most, the others as one, and all these names, the largest first."""
    totals = Counter[T]()
    for key, count in counts:
        totals[key] += count
    ranked = [key for key, _ in totals.most_common()]
    shown = set(ranked if len(ranked) <= _COLOURS + 1 else ranked[:_COLOURS])
    called = {key: name(key) if key in shown else _OTHERS for key in ranked}
    return called.__getitem__, list(dict.fromkeys(called.values()))


def _summed(counts: Iterable[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    totals = Counter[tuple[str, str]]()
    for first, second, count in counts:
        totals[first, second] += count
    return [(*key, count) for key, count in sorted(totals.items())]


def _placed(counts: Sequence[tuple[str, str, int]], names: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """Add to each row its name's place, in which its bars are stacked."""
    places = {name: place for place, name in enumerate(names)}
    return [(first, name, count, places[name]) for first, name, count in counts]


def _pivot(head: str, counts: Sequence[tuple[str, str, int]], names: Sequence[str]) -> Table:
    rows = list[tuple[Cell, ...]]()
    for first, group in groupby(counts, key=lambda row: row[0]):
        found = {name: count for _, name, count in group}
        rows.append((first, *(found.get(name, 0) for name in names), sum(found.values())))
    return Table((head, *names, "all"), rows)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _between(since: date, until: date) -> alt.Scale:
    return alt.Scale(
        domain=[alt.DateTime(year=one.year, month=one.month, date=one.day, utc=True) for one in (since, until)]
    )


def _span(months: Sequence[tuple[str, str, int]]) -> alt.Scale:
    """Return the first to the last of these months, a year at least."""
    if not months:
        return alt.Scale()
    first, last = (date.fromisoformat(f"{months[place][0]}-01") for place in (0, -1))
    return _between(min(first, last - timedelta(days=360)), last + timedelta(days=31))


def _stack(
    unit: str, title: str, of: str, names: Sequence[str], counts: Sequence[tuple[str, str, int]], time: alt.Scale
) -> dict[str, Any]:
    """Return bars over time, in a colour for each name, the first lowest."""
    highest = Counter[str]()
    for at, _, count in counts:
        highest[at] += count
    # There is no half of an article.
    heights = alt.Scale(domain=[0, max([4, *highest.values()])], nice=True)
    when = f"{unit}(when):T"
    chart = (
        alt.Chart(alt.NamedData("rows"))
        .mark_bar(binSpacing=0)
        .encode(
            x=alt.X(when, title=None, scale=time, axis=_AXES[unit]),
            y=alt.Y("articles:Q", title=title, scale=heights, axis=alt.Axis(tickCount=4, domain=False, ticks=False)),
            color=alt.Color(f"{of}:N", scale=_colours(names), title=of),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip(when, format=_FORMATS[unit], title="when"),
                alt.Tooltip(f"{of}:N"),
                alt.Tooltip("articles:Q", format=","),
            ],
        )
    )
    return _finished(chart, height=210)


def _colours(names: Sequence[str], palette: str = "c") -> alt.Scale:
    hues = [f"var(--{palette}{place})" if name != _OTHERS else "var(--others)" for place, name in enumerate(names)]
    return alt.Scale(domain=list(names), range=hues)


def _finished(chart: alt.Chart | alt.LayerChart | alt.FacetChart, height: int) -> dict[str, Any]:
    """Return a chart as wide as the page leaves room for; :data:`CONFIG` says how it looks otherwise."""
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    return {key: value for key, value in spec.items() if key not in {"config", "$schema"}}
