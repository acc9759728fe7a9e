"""How often a term appears, by month and source: articles that hold it per 1,000, as a table and a plot.

Rates, for the sources publish more in some years than in others. What is found is what `scrapy find` finds: an English
term as whole words, in any case, for *war* is not meant by *warm*; a Korean one also inside longer words, since
particles and titles are written on to them. A month without an article of a source has no rate: a gap, no zero.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, fields
from itertools import product
from pathlib import Path

import altair as alt
from folder import parser

from kcnacrawl.archive.archive import ARTICLES, read_article
from kcnacrawl.archive.log import read_lines
from kcnacrawl.stores import words


@dataclass(frozen=True, slots=True)
class Reading:
    """What is counted of one article."""

    status: str
    month: str | None
    source: int | None
    holds: bool
    truncated: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A month of a source; ``rate`` is per 1,000 articles, ``None`` where there are none."""

    month: str
    source: str
    articles: int
    hits: int
    rate: float | None


def read(archive: Path, term: str) -> tuple[list[Reading], dict[int | None, str]]:
    """The latest of every article that is not gone, text by text; and the sources' names by their numbers."""
    last: dict[str, Reading] = {}
    labels: dict[int | None, Counter[str]] = {None: Counter(["unknown source"])}
    for end, line in read_lines(archive / ARTICLES, 0):
        if end < 0:
            break  # being written
        one = read_article(line)
        found = words.holds(term, one.headline, one.article_body)
        month = one.date_published and one.date_published[:7]
        # A later line on the same article is its later revision.
        last[one.id] = Reading(one.status, month, one.source_id, found, one.access == "truncated")
        if one.source_id is not None:
            labels.setdefault(one.source_id, Counter())[one.source_label or "without a name"] += 1
    # Old pages have lost a source's name, which its number has not.
    names = {number: found.most_common(1)[0][0] for number, found in labels.items()}
    return [reading for reading in last.values() if reading.status == "live"], names


def by_month(readings: list[Reading], names: dict[int | None, str]) -> Iterator[Cell]:
    """Every month from the first to the last, for every source."""
    articles = Counter((one.month, one.source) for one in readings)
    hits = Counter((one.month, one.source) for one in readings if one.holds)
    months = [one.month for one in readings if one.month]
    sources = sorted({one.source for one in readings if one.month}, key=lambda source: names[source])
    for month, source in product(_calendar(min(months), max(months)) if months else (), sources):
        here, found = articles[month, source], hits[month, source]
        yield Cell(month, names[source], here, found, 1000 * found / here if here else None)


def _calendar(first: str, last: str) -> Iterator[str]:
    for year, month in product(range(int(first[:4]), int(last[:4]) + 1), range(1, 13)):
        if first <= (text := f"{year}-{month:02}") <= last:
            yield text


def plot(cells: list[Cell], title: str, notes: list[str]) -> alt.FacetChart:
    """A row a source over one time axis; a point's size is what its rate rests on."""
    rows = alt.InlineData(values=[{**asdict(one), "month": f"{one.month}-01"} for one in cells])
    base = alt.Chart(rows).encode(
        x=alt.X("month:T", timeUnit="utcyearmonth", title="Month of publication", axis=alt.Axis(format="%b %Y")),
        y=alt.Y("rate:Q", title="per 1,000", scale=alt.Scale(domainMin=0), axis=alt.Axis(tickCount=3)),
        color=alt.Color("source:N", legend=None),
    )
    size = alt.Size("articles:Q", title="Articles of that month", scale=alt.Scale(range=[12, 150]))
    points = base.mark_circle(opacity=0.8).encode(size=size)
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold")
    chart: alt.FacetChart = (
        alt.layer(base.mark_line(strokeWidth=1), points)
        .properties(width=760, height=90)
        .facet(row=alt.Row("source:N", title=None, header=header), spacing=10)
        .properties(title=alt.Title(title, subtitle=notes, anchor="start", offset=12))
        .configure_legend(orient="bottom")
    )
    return chart


def main(archive: Path, text: str, output: Path) -> None:
    phrase = f'"{text.replace(chr(34), " ")}"'
    if not words.terms(phrase):
        sys.exit(f"{text!r} holds no word to look for")
    readings, names = read(archive, phrase)
    cells = list(by_month(readings, names))
    held, cut = sum(one.holds for one in readings), sum(one.truncated for one in readings)
    notes = [
        f"{len(readings)} articles, {held} of them hold it; a gap is a month without articles.",
        f"{cut} are shown by the site only in part: what they lack is not counted.",
    ]
    with output.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(one.name for one in fields(Cell))
        table.writerows(map(astuple, cells))
    plot(cells, f"Articles that hold “{text}”, per 1,000 of a source and month", notes).save(output)
    print("\n".join([*notes, f"{output.with_suffix('.csv')}, {output}"]))


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--term", default="Kim Jong Un", help="one word, or several in a row (%(default)s)")
    told = "an .svg, or a .png if this machine has the fonts; the table goes beside it (ARCHIVE/term_by_month.svg)"
    options.add_argument("--output", type=Path, metavar="FILE", help=told)
    given = options.parse_args()
    main(given.archive, given.term, given.output or given.archive / "term_by_month.svg")
