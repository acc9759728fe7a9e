"""``python benchmarks/growth.py [--chart FILE] [RECORDS …]``: how what each command takes grows with the archive.

For each size (default: 1,000, 10,000 and 100,000) an archive is made and every command run on it once. What is printed
beside the seconds is the exponent of the growth between the last two sizes, without the start of the command: 0 is
constant, 1 as the archive. ``--chart`` draws both against each other, as SVG.
"""

import argparse
import itertools
import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import altair as alt
from archive import scrapy, steps
from archives import articles, write
from bench import run

SIZES = (1_000, 10_000, 100_000)
NEWS = 100
WORD = "the"


def measured(count: int) -> Iterator[tuple[str, float]]:
    """Each command, and the seconds it took."""
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folder = Path(name)
        records = articles(count + NEWS)
        write(folder, itertools.islice(records, count))
        for what, before, command in steps(folder, with_report=False):
            before()
            yield what, run(command, may_fail=True).seconds
        stores = {"sqlite": f"sqlite:///{name}/store.sqlite", "parquet": f"parquet:{name}/parquet"}
        for kind, store in stores.items():
            for what in ("from nothing", "nothing new"):
                yield f"sync {kind}, {what}", run(scrapy(folder, "sync", store)).seconds
        write(folder, records)
        for kind, store in stores.items():
            yield f"sync {kind}, {NEWS} new", run(scrapy(folder, "sync", store)).seconds
        yield f"find {WORD} --limit 20", run(scrapy(folder, "find", WORD, "--limit", "20")).seconds
        yield "report", run(scrapy(folder, "report")).seconds


def exponent(small: tuple[int, float], large: tuple[int, float], start: float) -> float:
    """Return the power of the size that the seconds grow with."""
    seconds = [max(one[1] - start, 0.01) for one in (small, large)]
    return math.log(seconds[1] / seconds[0]) / math.log(large[0] / small[0])


def draw(found: dict[str, list[tuple[int, float]]], path: Path) -> None:
    rows = [
        {"command": what, "records": size, "seconds": seconds}
        for what, points in found.items()
        for size, seconds in points
    ]
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("records:Q", scale=alt.Scale(type="log"), title="articles held"),
            y=alt.Y("seconds:Q", scale=alt.Scale(type="log"), title="seconds, start included"),
            facet=alt.Facet("command:N", columns=4, title=None),
        )
        .properties(width=150, height=110)
    )
    chart.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chart", type=Path)
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    found: dict[str, list[tuple[int, float]]] = {}
    for size in given.sizes:
        for what, seconds in measured(size):
            found.setdefault(what, []).append((size, seconds))
            print(f"{size:9,}  {what:28}  {seconds:8.2f} s", file=sys.stderr, flush=True)
    print(f"{'':28}" + "".join(f"{size:>10,}" for size in given.sizes) + "  growth")
    for what, points in found.items():
        start = min(seconds for _, seconds in points) * 0.9
        power = f"{exponent(points[-2], points[-1], start):8.2f}" if len(points) > 1 else ""
        print(f"{what:28}" + "".join(f"{seconds:8.2f} s" for _, seconds in points) + power)
    if given.chart:
        draw(found, given.chart)


if __name__ == "__main__":
    main()
