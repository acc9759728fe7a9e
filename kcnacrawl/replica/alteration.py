"""What a fault changes of a page that is otherwise the site's own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kcnacrawl.replica.world import ArticleView, CardView, card_date, cut_short, header_date

FIELDS = ("headline", "date", "label", "body", "card_date", "cards")
"""What a layout that drifted may have lost."""

WAYS = ("renamed", "removed")
"""How: spelled in a way nobody knows, or not there at all."""

HOSTILE: Mapping[str, str] = {
    "controls": "Steel \x01\x07\x08\x1b[2J\x7f\x9b output rises",
    "bidi": "Steel \u202etuptuo\u202c \u2066rises\u2069",
    "paths": "../../../../etc/passwd",
    "newlines": 'Steel\r\n\n\x0b\x0c\u2028\u2029output rises\n{"id": "1"}',
    "entities": "Steel \0 \ud800 \udfff output rises",
    "noncharacters": "Steel \ufffe\uffff\U0001ffff output rises",
    "long": "Steel output rises " * 5_500,
}
"""Texts no editor would write; HTML spells what UTF-8 cannot hold as entities. ``long`` has 100 KB."""

_SLUGS: Mapping[str, str] = {"paths": "../..%2f..%252f..%5cetc%2fpasswd"}

# The class of each anchor, and what nobody calls it.
_BODY = ("article-content", "story-text")
_DATED = ("articled-date", "when")
_CARD = (
    ("<article ", "<section "),
    ("</article>", "</section>"),
    ("<h4", "<b"),
    ("</h4>", "</b>"),
    ("article-desc", "teaser"),
    ("article-thumb", "picture"),
    _DATED,
)

_View = TypeVar("_View", ArticleView, CardView)


@dataclass(frozen=True, slots=True)
class Alteration:
    """What the fault ``kind`` changes of a page; kinds that change nothing of it are welcome.

    ``lost`` takes ``field``, one of :data:`FIELDS`, and ``way``, one of :data:`WAYS`; ``hostile`` and
    ``hostile_cards`` take ``what``, one of :data:`HOSTILE`, and ``field``: title, label, slug, summary or paragraphs,
    all of them without it. Raises :class:`ValueError` for another value.
    """

    kind: str = ""
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind == "lost":
            self._check("field", FIELDS, "")
            self._check("way", WAYS, WAYS[0])
        elif self.kind in {"hostile", "hostile_cards"}:
            self._check("what", tuple(HOSTILE), "")
            self._check("field", ("title", "label", "slug", "summary", "paragraphs", ""), "")

    def _check(self, name: str, values: Sequence[str], default: str) -> None:
        if self._option(name, default) not in values:
            raise ValueError(f"{name} is one of {', '.join(filter(None, values))}, not {self._option(name, default)!r}")

    def _option(self, name: str, default: str = "") -> str:
        return str(self.options.get(name, default))

    def _has_lost(self, name: str, way: str) -> bool:
        return self.kind == "lost" and (self._option("field"), self._option("way", WAYS[0])) == (name, way)

    @property
    def hides_cards(self) -> bool:
        """Whether lists have none."""
        return self.kind == "no_cards" or self._has_lost("cards", "removed")

    # What is shown

    def article(self, view: ArticleView) -> ArticleView:
        """Return another article than the one there is."""
        if self.kind == "truncate" and view.body == "full":
            return replace(view, body="truncated", paragraphs=cut_short(view.paragraphs), images=[])
        if self._has_lost("body", "removed"):
            return replace(view, body="missing")
        if self.kind == "hostile":
            paragraphs = [HOSTILE[self._option("what")], *view.paragraphs]
            return self._poisoned(view, ("title", "label", "slug"), {"paragraphs": paragraphs})
        return view

    def card(self, card: CardView) -> CardView:
        """Return another card than the one there is."""
        return self._poisoned(card, ("title", "slug", "summary"), {}) if self.kind == "hostile_cards" else card

    def _poisoned(self, view: _View, names: Sequence[str], more: Mapping[str, object]) -> _View:
        what, only = self._option("what"), self._option("field")
        text = HOSTILE[what]
        texts = {name: _SLUGS.get(what, text) if name == "slug" else text for name in names}
        found: dict[str, Any] = {**texts, **more}
        return replace(view, **{name: value for name, value in found.items() if only in {"", name}})

    # How it is marked up

    def headline(self, html: str, text: str) -> str:
        """Return the mark-up of an article's headline, ``text``."""
        if self._has_lost("headline", "removed"):
            return ""
        return f'<p class="top-line">{text}</p>\n' if self._has_lost("headline", "renamed") else html

    def header(self, html: str, view: ArticleView, label: str) -> str:
        """Return the mark-up of an article's header, in which the source is called ``label``."""
        day = header_date(view.published)
        if self.kind == "unreadable":
            return ""
        if self.kind == "bad_date":
            return html.replace(day, self._option("date", "31/02/2021"))
        if self._has_lost("date", "removed"):
            return html.replace("Date:", "").replace(day, "")
        if self._has_lost("date", "renamed"):
            return html.replace("Date:", "Issued").replace(day, view.published.isoformat())
        if self._has_lost("label", "removed"):
            return html.replace("Source:", "").replace(label, "")
        return html.replace("Source:", "By") if self._has_lost("label", "renamed") else html

    def body(self, html: str) -> str:
        """Return the mark-up of an article's body."""
        return html.replace(*_BODY, 1) if self._has_lost("body", "renamed") else html

    def card_html(self, html: str, card: CardView) -> str:
        """Return the mark-up of a card."""
        if self._has_lost("card_date", "removed"):
            return re.sub(r'<p class="articled-date">.*?</p>\n', "", html)
        if self._has_lost("card_date", "renamed"):
            return html.replace(*_DATED).replace(card_date(card.listed), card.listed.isoformat())
        if self._has_lost("cards", "renamed"):
            for known, unknown in _CARD:
                html = html.replace(known, unknown)
            return html.replace(card_date(card.listed), card.listed.isoformat())
        return html


UNALTERED = Alteration()
"""Changes nothing."""
