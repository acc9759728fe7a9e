"""An archive that is only read, and that no run may write meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ...items import Article, Rejected
from .. import StorageFailed
from ..archive import ARTICLES, LEDGER, LOCK, LOGS, QUARANTINE, WARC, changed_log, learn_logs
from ..ledger import KnownSource, Ledger, body_sha256
from ..ledger_copy import copy_ledger
from ..lock import Lock
from ..log import foreign_at, read_lines
from ..verify import Form

_ARTICLES: Final = Form(Article)
_REJECTIONS: Final = Form(Rejected)


class OtherArchive:
    """The archive in a folder, and in ``scratch`` a copy of its ledger that knows all of its lines. A context manager
    that holds the archive's lock. Entering raises :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`.

    A line that a killed run has torn is none; nothing of the folder is put in order. There may be many: only the lock
    is an open file.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(scratch / LEDGER)
        self._lock = Lock(folder / LOCK)
        self.lines = 0
        self.sources = list[KnownSource]()

    @property
    def articles_path(self) -> Path:
        """The file of records."""
        return self.folder / ARTICLES

    def __enter__(self) -> Self:
        try:
            self._lock.keep_out()
            self.ledger.path.parent.mkdir(parents=True, exist_ok=True)
            copy_ledger(self.folder / LEDGER, self.ledger.path)
            self._learn()
            self.lines, self.sources = self.ledger.articles.count_lines(), self.ledger.sources.all()
            self.ledger.disconnect()
        except OSError as error:
            self._lock.release()
            place = error.filename or self.folder
            raise StorageFailed(f"cannot read {place}: {error.strerror or error}; see to it and run again") from error
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.discard()
        self._lock.release()

    def _learn(self) -> None:
        fault = self.ledger.open(self.articles_path)
        if not fault and (change := changed_log(self.ledger, self.folder)):
            raise StorageFailed(
                f"{self.folder}: {change}; restore it from a copy, or remove {LEDGER} there to merge what is left"
            )
        learn_logs(self.ledger, self.folder, is_sound=not fault)

    def record_at(self, begin: int) -> tuple[bytes, Article]:
        """Return the line of the log of articles that begins there, and its record. Raise :class:`StorageFailed` if it
        is none of ours, or its text is not what its hash says.
        """
        with self.articles_path.open("rb") as log:
            log.seek(begin)
            line = log.readline()
        record, faults = _ARTICLES.read(line.removesuffix(b"\n"))
        if record is not None and body_sha256(record.article_body) != record.body_sha256:
            faults.append("body_sha256 is not that of article_body")
        if record is None or faults:
            raise foreign_at(self.articles_path, begin, ValueError(faults[0]))
        return line, record

    def rejections(self) -> Iterator[tuple[bytes, Rejected]]:
        """Yield the whole lines of the quarantine and what they hold. Raise the same."""
        path = self.folder / QUARANTINE
        for end, line in read_lines(path, 0) if path.exists() else ():
            if end < 0:
                return
            rejected, faults = _REJECTIONS.read(line)
            if rejected is None or faults:
                raise foreign_at(path, end - len(line) - 1, ValueError(faults[0]))
            yield line + b"\n", rejected


def check_folder(folder: Path) -> None:
    """Raise :class:`StorageFailed` for a folder that holds no archive."""
    if not any((folder / name).exists() for name in (*LOGS, LEDGER, WARC)):
        raise StorageFailed(f"there is no archive in {folder}")
