"""Everything about the site's mark-up that is not known for certain, each unknown an axis of a few values.

A crawler that reads every spelling relies on what is known and not on a guess. The certainties A to D are
those of the description of the site.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


def _axis(*values: str) -> str:
    default: str = field(default=values[0], metadata={"values": values})
    return default


@dataclass(frozen=True)
class MarkupVariant:
    """One complete guess at the mark-up: a value for every axis. The first value of each is the default."""

    ajax_id: str = _axis(
        "data-id",
        "data-source",
        "data-cat",
        "script-url",
        "script-object",
        "script-variable",
        "onclick",
        "hidden-input",
        "href",
        "hidden",
    )
    """Where a page tells its AJAX id (D). ``hidden``: only a script that runs can put it together."""
    header: str = _axis("plain", "spans", "list", "strong", "comments", "heading")
    """The tags inside ``Date: … | Source: … | Read original version at source`` (D)."""
    headline: str = _axis("h2", "h1", "div", "span", "nested")
    """The headline's element (B)."""
    crumb: str = _axis("text", "link", "list", "image")
    """``KCNA <label>`` above the headline; ``image``: its first word is the logo."""
    top: str = _axis("doubled", "single", "absent")
    """Today's date at the top of the page (A: never the article's)."""
    paragraphs: str = _axis("p", "brbr", "br", "div", "nested", "mixed")
    """How a body's paragraphs are told apart (D)."""
    leader: str = _axis("strong", "b", "span", "em")
    """The inline tag around the leader's name."""
    body: str = _axis("plain", "entry", "nested", "section")
    """The element that has the class ``article-content`` (A)."""
    summary: str = _axis("bootstrap", "plain")
    """Whether the card's first summary has its classes ``d-none d-sm-none d-md-block`` (B)."""
    second_summary: str = _axis("p", "div", "span")
    """The element of the card's second summary (D)."""
    second_ending: str = _axis("none", "dots")
    """Whether the second summary ends in ``...``."""
    second_place: str = _axis("after", "before")
    """Whether the second summary stands after or before the card's date."""
    second_title: str = _axis("alt", "heading", "link", "none")
    """Where a card repeats its title."""
    links: str = _axis("absolute", "relative", "protocol-relative", "slash")
    """How a link to an article is written; ``slash``: absolute, with a trailing slash."""
    card: str = _axis("article", "row")
    """A card's element: ``article.clearfix`` (B) or ``div.row``."""
    wrapper: str = _axis("id", "anonymous")
    """Whether the container of the cards has its id ``latest_article_wrapper`` (B)."""
    end: str = _axis("empty", "zero", "whitespace", "message")
    """What the AJAX endpoint answers past the end (C)."""
    order: str = _axis("date", "arrival")
    """Whether a listing goes by article date or by arrival (D)."""
    sidebar: str = _axis("none", "before", "after")
    """A block of popular articles of other sources, before or after the cards."""
    decoys: str = _axis("few", "many")
    """Numbers that look like ids and are none."""
    more_from: str = _axis("button", "cards")
    """Whether the *More From* block of an article ends in the button *More Articles*."""
    chrome: str = _axis("none", "start", "end", "outside")
    """Where lines of the site's own stand: inside the body's element, at an end of it, or outside."""
    notice: str = _axis("inside", "after")
    """Whether the notice of a truncated text is inside ``.article-content`` or after it."""
    lastmod: str = _axis("modified", "constant", "absent")
    """What ``lastmod`` in the sitemap means."""
    entities: str = _axis("raw", "numeric")
    """Whether typographic quotes are written as characters or as ``&#8217;``."""
    canonical: str = _axis("absent", "article", "home")
    """What ``link[rel=canonical]`` of an article page points to."""
    search_more: str = _axis("script", "data")
    """How the search page tells its own AJAX address (D)."""
    search_form: str = _axis("plain", "select")
    """Whether the search form names every source with its AJAX id."""

    def __post_init__(self) -> None:
        for axis, values in AXES.items():
            if getattr(self, axis) not in values:
                raise ValueError(f"{axis} is one of {', '.join(values)}, not {getattr(self, axis)!r}")

    @classmethod
    def random(cls, seed: int) -> "MarkupVariant":
        """Return any combination, the same for the same seed."""
        rolls = hashlib.shake_128(f"spelling {seed}".encode()).digest(len(AXES))
        drawn = zip(AXES.items(), rolls, strict=True)
        return cls(**{axis: values[roll % len(values)] for (axis, values), roll in drawn})

    @property
    def needs_browser(self) -> bool:
        """Whether no page gives the AJAX id away without running its scripts."""
        return self.ajax_id == "hidden"


AXES: Mapping[str, tuple[str, ...]] = {axis.name: axis.metadata["values"] for axis in fields(MarkupVariant)}
"""Every axis with all its values."""

_NAMES = (
    "plain",
    "labelled",
    "category",
    "address",
    "object",
    "variable",
    "click",
    "form",
    "anchor",
    "browser-only",
)


def _turned(number: int) -> MarkupVariant:
    """Return the spelling ``number``: every axis turned on, each at its own pace so that values change company."""
    chosen = {}
    for place, (axis, values) in enumerate(AXES.items()):
        pace = 1 + place % (len(_NAMES) // len(values))
        chosen[axis] = values[number // pace % len(values)]
    return MarkupVariant(**chosen)


VARIANTS: Mapping[str, MarkupVariant] = {name: _turned(number) for number, name in enumerate(_NAMES)}
"""The named spellings use every value of every axis. Only ``browser-only`` hides the AJAX id."""
