"""The sources that a person asks for, among the records that are held. Pure."""

from collections.abc import Iterable
from typing import Final, Protocol

from .arguments import ArgumentError, SourceRef, read_sources
from .site.labels import is_meant_of
from .site.urls import Site

SITE: Final = Site("https://kcnawatch.org")
"""Whose addresses name sources, where no crawl says which site it is of."""


class Attributed(Protocol):
    """What a record says of its source."""

    @property
    def source_id(self) -> int | None: ...

    @property
    def source_label(self) -> str | None: ...

    @property
    def source_name(self) -> str | None: ...

    @property
    def source_language(self) -> str | None: ...


class HeldSources:
    """Sources as the records that are held know them: each by its number, its label, or its name alone, which means all
    its languages. ``all`` is every one.

    Learns from the records that it is asked about which sources there are.
    """

    def __init__(self, refs: Iterable[SourceRef] = ()) -> None:
        self._refs = frozenset(ref for ref in refs if not ref.is_all)
        # There are millions of records and some dozens of sources.
        self._meant = dict[tuple[int | None, str | None, str | None, str | None], frozenset[SourceRef]]()

    @classmethod
    def read(cls, text: str) -> "HeldSources":
        """Return the sources that a text names, by comma; raise ``ValueError``."""
        refs = read_sources(text, SITE)
        if any(ref.ajax_id is not None or ref.article is not None for ref in refs):
            raise ValueError("give a source's number, label or name")
        return cls(refs)

    @property
    def are_some(self) -> bool:
        """Whether not all are asked for."""
        return bool(self._refs)

    def hold(self, record: Attributed) -> bool:
        """Return True if a record is of one of the sources."""
        if not self._refs:
            return True
        source = (record.source_id, record.source_label, record.source_name, record.source_language)
        if source not in self._meant:
            self._meant[source] = frozenset(ref for ref in self._refs if _is_meant(ref, *source))
        return bool(self._meant[source])

    def check(self) -> None:
        """Raise :class:`ArgumentError` for a source of which no record was, now that all were asked about."""
        for ref in self._refs.difference(*self._meant.values()):
            labels = sorted({label for _, label, _, _ in self._meant if label})
            said = repr(ref.label) if ref.label else ref.sid
            raise ArgumentError(f"source {said}: nothing of it is held; there are: {', '.join(labels) or 'none'}")


def _is_meant(ref: SourceRef, source_id: int | None, label: str | None, name: str | None, language: str | None) -> bool:
    if ref.label is not None:
        return is_meant_of(label, name, language, ref.label)
    return ref.sid == source_id
