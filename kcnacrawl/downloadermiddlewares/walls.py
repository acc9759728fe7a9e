"""What Scrapy's responses hold, for readers of pages, which know nothing of Scrapy."""

import contextlib

from scrapy.http import Response

from ..pages import PageError, Unparsable
from ..pages.text import decode
from ..pages.walls import find_wall


def markup_of(response: Response) -> str:
    """Return the text of a page."""
    return decode(response.body, getattr(response, "encoding", "utf-8"))


def wall_of(response: Response) -> PageError | None:
    """Return the wall that stands where a page should, with whatever status; ``None`` if there is none."""
    # What no parser is to be given shows no wall.
    with contextlib.suppress(Unparsable):
        return find_wall(markup_of(response), _headers(response))
    return None


def _headers(response: Response) -> dict[str, str]:
    # Any byte may stand in a header; in Latin-1 each is a character.
    headers = response.headers.items()
    return {name.decode("latin-1").lower(): b",".join(values).decode("latin-1") for name, values in headers}
