"""The search's page: its first hits as cards, whether there are more, and the sources its form offers.

How the page looks but for its cards and the button ``#more_results`` is unknown (site document, section 1). So it is
asked in more than one way whether it answers the query at all, and whether it says that nothing was found: a page
that shows no hits and does not say so is none we know.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from ..items import Card
from ..site.urls import Site
from . import LayoutChanged
from .listing import ListingPage
from .text import label_of, lines, one_line, parse, text_of
from .walls import refuse_wall

BUTTON: Final = "#more_results, #more-results, .more_results, .more-results"
BUTTON_WORDS: Final = re.compile(r"(?:(?:load|show|view|see) )?more(?: search)? results?\W*", re.IGNORECASE)
_HITS: Final = "#search_results, #search-results, .search_results, .search-results"
# What WordPress and its themes call a search without hits.
_NO_HITS: Final = "body.search-no-results, .no-results, .no_results, .nothing-found, .not-found"
_NO_HITS_WORDS: Final = re.compile(
    r"\bnothing (?:was |has been )?(?:found|matched)\b|\bno (?:\w+ ){0,2}(?:results?|articles?|posts?|matches|hits)\b"
    r"|\b0 (?:\w+ )?(?:results?|articles?|posts?|matches|hits)\b|\bdid not match\b|없습니다",
    re.IGNORECASE,
)
_LONGEST_NOTE: Final = 200
_QUERY_FIELDS: Final = 'input[name="s"]'
_SEARCH_BODY: Final = "body.search, body.search-results, body.search-no-results"
_TITLES: Final = "title, h1, h2, h3"
_SOURCES: Final = 'select[name*="source"], select[id*="source"], select[name*="cat"]'
_AJAX_ID: Final = re.compile(r"[0-9]{2,9}")
_BESIDE: Final = "nav, aside, footer, form, .article-desc, .article-thumb"


class SearchPage:
    """The hits for ``query`` that the page at ``url`` shows.

    Raises :class:`LayoutChanged` for a page that is no answer to the query,
    :class:`~kcnacrawl.pages.SignUpWall`, :class:`~kcnacrawl.pages.Blocked`, :class:`~kcnacrawl.pages.Unparsable`.
    """

    def __init__(self, markup: str, url: str, site: Site, query: str) -> None:
        self._markup = markup
        self._url = url
        self._site = site
        self._query = one_line(query)
        self._tree = parse(markup)
        refuse_wall(self._tree, shows_content=bool(self._answers and self.cards))
        if not self._answers:
            raise LayoutChanged("query: nothing on the page says that it answers the search")
        if bool(self.cards) == self._says_nothing_found:
            told = "says that there are none and shows cards" if self.cards else "shows none and does not say so"
            raise LayoutChanged(f"hits: the page {told}")

    @property
    def cards(self) -> list[Card]:
        """The hits in the order of the page, each identity once; what stands beside the list is none."""
        return self._list.cards

    @property
    def unreadable(self) -> int:
        """How many cards link to an article and tell no identity."""
        return self._list.unreadable

    @property
    def has_more(self) -> bool:
        """Whether the page offers more hits."""
        if self._tree.css_first(BUTTON) is not None:
            return True
        buttons = self._tree.css("button, a, input")
        words = (label_of(node) or one_line(node.attributes.get("value") or "") for node in buttons)
        return any(BUTTON_WORDS.fullmatch(text) for text in words)

    @property
    def sources(self) -> dict[str, int]:
        """The ajax ids that the search form offers, by label."""
        options = (option for select in self._tree.css(_SOURCES) for option in select.css("option"))
        found = ((label_of(option), option.attributes.get("value") or "") for option in options)
        return {label: int(value) for label, value in found if label and _AJAX_ID.fullmatch(value)}

    @cached_property
    def _list(self) -> ListingPage:
        """The list of hits: in the element that is called that, else the page's."""
        parts = [node.html or "" for node in self._tree.css(_HITS) if node.tag != "body"]
        lists = (ListingPage(part, self._url, self._site) for part in parts)
        return next((one for one in lists if one.cards), None) or ListingPage(self._markup, self._url, self._site)

    @property
    def _answers(self) -> bool:
        """Whether the page is the search's: its form holds the query, or it says so of itself."""
        fields = (one_line(node.attributes.get("value") or "") for node in self._tree.css(_QUERY_FIELDS))
        if self._tree.css_first(_SEARCH_BODY) is not None or self._query in fields:
            return True
        return any(self._query in one_line(node.text()) for node in self._tree.css(_TITLES))

    @cached_property
    def _says_nothing_found(self) -> bool:
        """Whether the page says that it has no hits: by a class WordPress has for that, or in words of its own."""
        if (marked := self._tree.css_first(_NO_HITS)) is not None:
            return marked.tag == "body" or _NO_HITS_WORDS.search(text_of(marked)) is not None
        notes = (text.replace(self._query, "") for text in self._notes)
        return any(len(text) <= _LONGEST_NOTE and _NO_HITS_WORDS.search(text) for text in notes)

    @property
    def _notes(self) -> Iterator[str]:
        """What the page says outside its cards, links, menus and forms."""
        beside = {node.mem_id: "beside" for node in self._tree.css(_BESIDE)}
        shown = lines(self._tree.body, beside) if self._tree.body is not None else []
        return (one_line(line.text) for line in shown if not line.marks and not line.links)
