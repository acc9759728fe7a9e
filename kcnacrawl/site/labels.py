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


def is_meant(label: str, said: str) -> bool:
    """Return True if a person means the source of this label: by the label itself, or by its name, which means all its
    languages; in any case of letters.
    """
    if _folded(label) == _folded(said):
        return True
    name = read_label(label).name
    return name is not None and is_bare(said) and _folded(name) == _folded(said)


def is_meant_of(label: str | None, name: str | None, language: str | None, said: str) -> bool:
    """Return True if a person means the source of a record. Where its label lost the source's name, ``(En)``, the name
    counts that is known from elsewhere.
    """
    if label is not None and is_meant(label, said):
        return True
    is_lost = label is None or read_label(label).name is None
    meant = read_label(said)
    return bool(
        is_lost and name and meant.name and _folded(name) == _folded(meant.name) and meant.language in {None, language}
    )


def is_bare(said: str) -> bool:
    """Return True for a name without a language."""
    return read_label(said).language is None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
