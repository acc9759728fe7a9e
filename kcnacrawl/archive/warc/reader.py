"""What was kept, read back: member by member, so that one that is torn or damaged is told and never passed over.

Readers that take a file for one stream give the beginning of a torn member as if it were all.
"""

import contextlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from fastwarc.warc import WarcRecord, WarcRecordType

from .. import StorageFailed
from ..objects import Readable, Reads
from .files import KeptFile, kept_files
from .index import Entry, Index, Place

_CHUNK: Final = 1 << 16
# Of one member; FastWARC's own is less than a site may send.
_LONGEST_HEADERS: Final = 1 << 24
_RESPONSES: Final = (WarcRecordType.response, WarcRecordType.revisit)


class Damaged(Exception):
    """A member is torn or is no record; ``offset`` is where it begins."""

    def __init__(self, offset: int, why: str) -> None:
        super().__init__(why)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Member:
    """A record, and the bytes of its file from ``offset`` to ``end``."""

    offset: int
    end: int
    record: WarcRecord

    @property
    def record_id(self) -> str:
        """The id, as the archive writes it."""
        return (self.record.record_id or "").strip("<>")

    def header(self, name: str) -> str:
        """Return a header of the record; ``""`` if it has none of that name."""
        return self.record.headers.get(name) or ""

    @property
    def is_response(self) -> bool:
        """Whether the record is of what the site answered."""
        return self.record.record_type in _RESPONSES

    @property
    def is_revisit(self) -> bool:
        """Whether the payload is kept in another record."""
        return self.record.record_type == WarcRecordType.revisit

    @property
    def original_id(self) -> str:
        """The id of the record that keeps the payload of a revisit; ``""`` if this is none."""
        return self.header("WARC-Refers-To").strip("<>")

    @property
    def payload_digest(self) -> bytes | None:
        """The digest of a payload that is kept in this record."""
        if self.record.record_type != WarcRecordType.response:
            return None
        algorithm, _, value = self.header("WARC-Payload-Digest").partition(":")
        return bytes.fromhex(value) if algorithm == "sha256" else None

    def read_http(self) -> tuple[int, tuple[tuple[str, str], ...]]:
        """Read on to the payload; return status and headers. Raise :class:`Damaged`."""
        try:
            self.record.parse_http(max_header_len=_LONGEST_HEADERS)
        except (ValueError, OSError) as error:
            raise Damaged(self.offset, f"no answer of HTTP ({error})") from error
        return self.record.http_headers.status_code or 0, self.record.http_headers.to_tuples()

    @property
    def entry(self) -> Entry:
        """What the index knows of a response."""
        return Entry(self.record_id, self.payload_digest, self.offset)


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """A response as it came: ``payload`` is still encoded. ``when`` is its ``WARC-Date``."""

    record_id: str
    url: str
    when: str
    status: int
    headers: tuple[tuple[str, str], ...]
    payload: bytes
    place: Place
    # Why the payload is not whole, as `WARC-Truncated` says; empty if it is.
    truncated: str = ""


def read_members(file: Path | KeptFile, start: int = 0) -> Iterator[Member]:
    """Yield the records of a file from an offset on, where a member must begin. Raise :class:`Damaged` where one is
    none, ``OSError``, and :class:`~kcnacrawl.archive.Unreachable` for a file that is elsewhere.
    """
    with file.open("rb") if isinstance(file, Path) else file.open() as opened:
        opened.seek(start)
        yield from members_in(opened, start)


def members_in(file: Reads, start: int) -> Iterator[Member]:
    """Yield the records of a file that is open and stands at ``start``, as :func:`read_members`."""
    pending = b""
    while pending or (pending := file.read(_CHUNK)):
        unpacking, parts, length = zlib.decompressobj(wbits=31), list[bytes](), 0
        while not unpacking.eof:
            if not pending and not (pending := file.read(_CHUNK)):
                raise Damaged(start, "a torn record")
            try:
                parts.append(unpacking.decompress(pending))
            except zlib.error as error:
                raise Damaged(start, str(error)) from error
            length += len(pending)
            pending = unpacking.unused_data
        end = start + length - len(pending)
        yield Member(start, end, _record(b"".join(parts), start))
        start = end


def _record(data: bytes, offset: int) -> WarcRecord:
    try:
        record = WarcRecord.from_bytes(data)
    except (ValueError, OSError) as error:
        raise Damaged(offset, f"no WARC record ({error})") from error
    head = data.find(b"\r\n\r\n") + 4
    if not data.startswith(b"WARC/") or len(data) != head + record.content_length + 4:
        raise Damaged(offset, "no WARC record of the length that it tells")
    return record


class WarcReader:
    """The responses that a folder keeps; a run may be writing to it. A context manager.

    Where each is, the folder's index tells; or ``find_place`` in its stead, by the id of a record. Methods raise
    :class:`StorageFailed`.
    """

    def __init__(self, folder: Path, find_place: Callable[[str], Place | None] | None = None) -> None:
        self._folder = folder
        self._index = Index(folder)
        self._files = Files(folder)
        self._find_place = find_place

    def __enter__(self) -> Self:
        if self._find_place is None:
            self._index.open_to_read()
            self._find_place = lambda record_id: self._index.find_record(record_id) or self._find_unlearned(record_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()
        self._index.close()

    def responses(self, since: Place | None = None) -> Iterator[KeptResponse]:
        """Yield what was kept, in the order in which it came; from a place on, where a member must begin."""
        for file in kept_files(self._folder):
            if since is not None and file.name < since.file:
                continue
            start = since.offset if since is not None and file.name == since.file else 0
            # It may be completed while it is read.
            was_open = file.is_open
            try:
                for one in read_members(file, start):
                    if one.is_response:
                        yield self._kept(one, file.name)
            except Damaged as error:
                # What is written at this moment has no end yet.
                if not was_open:
                    raise _failed(file, error) from error

    def find(self, record_id: str) -> KeptResponse | None:
        """Return the response with the id of its record; ``None`` if it is not kept, or a run writes it just now."""
        place = self._find_place(record_id) if self._find_place is not None else None
        if place is None or (found := self._files.read_at(place)) is None or found.record_id != record_id:
            return None
        return self._kept(found, place.file)

    def at(self, place: Place) -> KeptResponse:
        """Return the response that is kept at a place."""
        if (found := self._files.read_at(place)) is None or not found.is_response:
            raise StorageFailed(f"{KeptFile(self._folder, place.file)} has no answer at byte {place.offset}")
        return self._kept(found, place.file)

    def _find_unlearned(self, record_id: str) -> Place | None:
        """Look for a response in what the index does not know yet: the last that a run has written."""
        ends = self._index.ends()
        for file in kept_files(self._folder):
            # What is elsewhere was whole, and known, before it was brought there.
            if file.offloaded is not None:
                continue
            with contextlib.suppress(Damaged, FileNotFoundError):
                for one in read_members(file, ends.get(file.name, 0)):
                    if one.is_response and one.record_id == record_id:
                        return Place(file.name, one.offset)
        return None

    def _kept(self, member: Member, name: str) -> KeptResponse:
        try:
            status, headers = member.read_http()
        except Damaged as error:
            raise _failed(KeptFile(self._folder, name), error) from error
        original = self._original(member) if member.is_revisit else None
        return KeptResponse(
            record_id=member.record_id,
            url=member.header("WARC-Target-URI"),
            when=member.header("WARC-Date"),
            status=status,
            headers=headers,
            payload=original.payload if original else member.record.reader.read(),
            place=Place(name, member.offset),
            # A revisit says it of itself.
            truncated=original.truncated if original else member.header("WARC-Truncated"),
        )

    def _original(self, member: Member) -> KeptResponse:
        """Return the response that has the payload of a revisit."""
        original = self.find(member.original_id)
        if original is None:
            raise StorageFailed(f"{member.record_id} refers to a record that is not kept: restore it from a copy")
        return original


class Files:
    """The files of a folder, opened where records are asked for: the last of those that are elsewhere stays open, with
    what was read ahead. Methods raise :class:`StorageFailed`, :class:`~kcnacrawl.archive.Unreachable`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._opened: Readable | None = None

    def read_at(self, place: Place) -> Member | None:
        """Return the record at a place; ``None`` if there is none."""
        file = KeptFile(self._folder, place.file)
        try:
            opened = self._open(file)
            opened.seek(place.offset)
            return next(members_in(opened, place.offset), None)
        except FileNotFoundError:
            return self._not_there(file)
        except Damaged as error:
            raise _failed(file, error) from error
        except OSError as error:
            raise StorageFailed(f"cannot read {file}: {error.strerror or error}") from error

    def read_bytes(self, place: Place, length: int) -> bytes:
        """Return bytes of a file from a place on, as they are."""
        file = KeptFile(self._folder, place.file)
        try:
            opened = self._open(file)
            opened.seek(place.offset)
            return opened.read(length)
        except OSError as error:
            raise StorageFailed(f"cannot read {file}: {error.strerror or error}") from error

    def close(self) -> None:
        """Close what is open."""
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = None

    def _open(self, file: KeptFile) -> Readable:
        if self._opened is None or self._name != file.name:
            self.close()
            self._opened, self._name = file.open(), file.name
        return self._opened

    @staticmethod
    def _not_there(file: KeptFile) -> None:
        if (entry := file.offloaded) is not None:
            raise StorageFailed(f"{entry.url} is not there: restore it from a copy")


def read_at(folder: Path, place: Place) -> Member | None:
    """Return the record at a place, as :meth:`Files.read_at` does; ``None`` also for one that was offloaded."""
    if KeptFile(folder, place.file).offloaded is not None:
        return None
    with contextlib.closing(Files(folder)) as files:
        return files.read_at(place)


def _failed(file: KeptFile, error: Damaged) -> StorageFailed:
    return StorageFailed(f"{file} is damaged at byte {error.offset} ({error}): restore it from a copy")
