"""A few articles that print the same two stories, from several sources, and how they are linked."""

import dataclasses
from pathlib import Path
from typing import Any, Final

from kcnacrawl.items import Article
from kcnacrawl.reprints.linking import update

from .archives import SOURCES, article, rewritten, write

WORKS: Final = """Engineers of the Chongsu Machine Factory have finished the remodelling of the casting line by night
shifts. The manager, Ri Chol Ok, said that 4,120 tons were turned out within 38 days.

Visitors from Hwasong City asked how the old conveyors had been replaced. A course on the tuning of generators is held
every 12 days for technicians of 315 households around Namgang.

All who spoke stressed that the sinking of the new shaft would be over before the thaw."""
FISH: Final = """Fishermen at the Sonhwa Station came home with a big catch. Each of 27 boats carried 90 boxes of
herring, which went to kindergartens of the province on the same evening.

The captain of the first boat, Kim Un San, had found the shoal near Paek Islet after a storm of three days. He told the
reporters that he trusts gulls more than any instrument. His crew repaired the nets on board."""
CUT: Final = WORKS.split("\n\n", maxsplit=1)[0]
MINISTRY, KCNA, RODONG = range(3)


def printed(number: int, body: str, day: str, source: int, **changes: Any) -> Article:
    """An article in English, of a day and of one of the first three sources of :mod:`.archives`."""
    sid, label, name, source_language, _ = SOURCES[source]
    named = {"source_id": sid, "source_label": label, "source_name": name, "source_language": source_language}
    dated = dataclasses.replace(article(number, body), date_published=day, in_language="en", **named)
    return rewritten(dated, body, **changes)


ORIGINAL: Final = printed(1, WORKS, "2021-03-02", KCNA, headline="Casting line remodelled")
SHORTENED: Final = printed(2, CUT, "2021-03-03", RODONG, headline="Casting line at full steam")
MERGED: Final = printed(3, f"{FISH}\n\n{WORKS}", "2021-03-05", MINISTRY, headline="News from two provinces")
CATCH: Final = printed(4, FISH, "2021-03-02", RODONG, headline="A big catch")
ALONE: Final = printed(5, "Nothing of this stands in any other paper.", "2021-03-02", KCNA, headline="Alone")
ALL: Final = [ORIGINAL, SHORTENED, MERGED, CATCH, ALONE]


def linked(folder: Path, *more: Article) -> Path:
    """Make an archive of these articles, and their links; return its folder."""
    write(folder, [*ALL, *more])
    update(folder)
    return folder
