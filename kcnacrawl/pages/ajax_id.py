"""How a page tells the ajax id of its list: the number that *More Articles* sends as ``id``.

Where it stands is unknown (site document, section 1: certainty D), so every place it may stand in is read, and the
candidates are given strongest first. None is believed before the endpoint has answered it with cards of the page
it came from: a page is full of other numbers.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ..site.urls import PAGE_SIZE
from .text import label_of, parse

# The term ids of a WordPress site; known ones have six digits.
_NUMBER: Final = r"([0-9]{2,9})"
_ACTION: Final = "get_cat_by_source"
# Whole runs, looked through for the action: a pattern that begins anywhere takes hours over a picture in base64.
_RUN: Final = re.compile(r"[^\s\"'<>]+")
_TAG: Final = re.compile(r"<[^<>]*>")
_REQUEST_ID: Final = re.compile(rf"[?&;]id=[\"']?{_NUMBER}\b")
_ASSIGNED: Final = re.compile(
    rf"(?<![\w$.-])([A-Za-z_$][\w$.-]{{0,63}})[\"'\]]{{0,4}}\s{{0,20}}[:=]\s{{0,20}}(?:Number\(|parseInt\()?[\"']?{_NUMBER}\b"
)
_PASSED: Final = re.compile(rf"[\"'](\w{{1,63}})[\"']\s{{0,20}},\s{{0,20}}[\"']?{_NUMBER}\b")
_CONCATENATED: Final = re.compile(rf"\bid=[\"'`]\s{{0,20}}\+\s{{0,20}}[\"'`]?{_NUMBER}\b")
_TRAILING: Final = re.compile(rf"[-_]{_NUMBER}\b")
_ARGUMENTS: Final = re.compile(rf"\b{_NUMBER}\b")
_MORE: Final = re.compile(r"more[\s_-]{0,5}articles|load[\s_-]{0,5}more", re.IGNORECASE)
_TELLING: Final = re.compile(r"ajax|source|cat|term|feed|list", re.IGNORECASE)
_OTHER: Final = re.compile(
    r"offset|from|page|count|nonce|post|limit|total|time|width|height|delay|year|version|sid|index|user|track",
    re.IGNORECASE,
)
_CLIMB: Final = 3
MOST_CANDIDATES: Final = 8


def ajax_ids(markup: str) -> list[int]:
    """Return candidates for the page's ajax id, strongest first; none if the page keeps it to itself."""
    tree = parse(markup)
    scripts = [node.text().replace('\\"', '"') for node in tree.css("script:not([src])")]
    acting = [text for text in scripts if _ACTION in text]
    found = [
        *_requests(markup),
        *_tags_naming_action(markup),
        *_button_numbers(tree),
        *_hidden_inputs(tree),
        *_script_numbers(acting),
        *_by_name([pair for text in acting for pair in _PASSED.findall(text)]),
        *(number for text in acting for number in _CONCATENATED.findall(text)),
        *(number for number in _selected(tree) if acting),
        *_script_numbers([text for text in scripts if "admin-ajax" in text]),
        *_script_numbers(scripts),
        *_data_attributes(tree.css("[id*=article], [class*=article], [id*=more], [class*=more], main, section")),
    ]
    ids = dict.fromkeys(int(number) for number in found)
    return [one for one in ids if one not in {0, PAGE_SIZE}][:MOST_CANDIDATES]


def _requests(markup: str) -> Iterator[str]:
    """Yield the numbers of the request itself, written out in an attribute or a script."""
    text = unescape(markup).replace("\\u0026", "&").replace("\\/", "/")
    for run in _RUN.findall(text):
        if _ACTION in run:
            yield from _REQUEST_ID.findall(run)


def _tags_naming_action(markup: str) -> Iterator[str]:
    """Yield the numbers that a tag assigns whose attributes name the endpoint's action, as JSON does."""
    yield from _by_name(
        [pair for tag in _TAG.findall(markup) if _ACTION in tag for pair in _ASSIGNED.findall(unescape(tag))]
    )


def _button_numbers(tree: LexborHTMLParser) -> Iterator[str]:
    """Yield the numbers of the button and of what is right around it: attributes by telling name, then arguments."""
    near: dict[int, LexborNode] = {}
    for button in filter(_is_button, tree.css("button, a, input, span, div, p")):
        node: LexborNode | None = button
        for _ in range(_CLIMB):
            if node is None or not node.is_element_node or node.tag == "body":
                break
            near.setdefault(node.mem_id, node)
            node = node.parent
    yield from _data_attributes(list(near.values()), any_name=True)
    for node in near.values():
        for name, value in node.attributes.items():
            if value and (name.startswith("on") or name == "href"):
                yield from _ARGUMENTS.findall(value)
            elif value and name in {"id", "class"}:
                yield from _TRAILING.findall(value)


def _is_button(node: LexborNode) -> bool:
    attributes = node.attributes
    named = f"{attributes.get('id') or ''} {attributes.get('class') or ''} {attributes.get('value') or ''}"
    if _MORE.search(named):
        return True
    return node.tag in {"button", "a", "span", "div", "p"} and label_of(node).lower() == "more articles"


def _data_attributes(nodes: list[LexborNode], *, any_name: bool = False) -> Iterator[str]:
    pairs = [
        (name, number)
        for node in nodes
        for name, value in node.attributes.items()
        if value and name not in {"class", "style", "href", "src"} and not name.startswith("on")
        for name, number in _named_numbers(name, value)
    ]
    yield from _by_name(pairs)
    if any_name:
        yield from (number for name, number in pairs if not _OTHER.search(name))


def _named_numbers(name: str, value: str) -> list[tuple[str, str]]:
    """Yield ``name`` and the number that is its value, or the names and numbers of the JSON that is."""
    if re.fullmatch(_NUMBER, value.strip(), re.ASCII):
        return [(name, value.strip())]
    return _ASSIGNED.findall(value) if value.lstrip().startswith(("{", "[")) else []


def _hidden_inputs(tree: LexborHTMLParser) -> Iterator[str]:
    pairs = [
        (node.attributes.get("name") or node.attributes.get("id") or "", node.attributes.get("value") or "")
        for node in tree.css("input[type=hidden]")
    ]
    yield from _by_name([(name, value) for name, value in pairs if re.fullmatch(_NUMBER, value, re.ASCII)])


def _selected(tree: LexborHTMLParser) -> Iterator[str]:
    """Return the choice a form stands at."""
    for option in tree.css("option[selected]"):
        if re.fullmatch(_NUMBER, value := option.attributes.get("value") or "", re.ASCII):
            yield value


def _script_numbers(scripts: list[str]) -> Iterator[str]:
    yield from _by_name([pair for text in scripts for pair in _ASSIGNED.findall(text)])


def _by_name(pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Return the numbers whose names may mean a list's id, those with telling names first."""
    plausible = [(name, number) for name, number in pairs if not _OTHER.search(name)]
    telling = [number for name, number in plausible if _TELLING.search(name)]
    exact = [number for name, number in plausible if name.lower().removeprefix("data-") == "id"]
    suffixed = [number for name, number in plausible if name.lower().endswith("id")]
    yield from (*telling, *exact, *suffixed)
