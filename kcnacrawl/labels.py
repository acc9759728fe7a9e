"""Source labels: ``Ministry of Foreign Affairs (EN)`` is a name and, mostly, a language token."""

import re
from typing import Final, NamedTuple

# All tokens seen (site document, section 3), whatever their case.
_LANGUAGES: Final = {"en": "en", "english": "en", "kr": "ko", "korean": "ko"}
_LABEL: Final = re.compile(r"(?P<name>.*)\((?P<token>[A-Za-z]+)\)")


class Label(NamedTuple):
    """A label taken apart; ``None`` where it does not say."""

    name: str | None
    language: str | None


def read_label(label: str) -> Label:
    """Name and language; a token that is not known belongs to the name, and old copies have lost theirs."""
    found = _LABEL.fullmatch(label)
    language = _LANGUAGES.get(found["token"].lower()) if found else None
    if found is None or language is None:
        return Label(label or None, None)
    return Label(found["name"].rstrip() or None, language)
