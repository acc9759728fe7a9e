"""What can go wrong between a crawler and the site, on demand."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

KINDS = frozenset(
    {
        "status",
        "reset",
        "truncated",
        "slow",
        "hang",
        "empty",
        "garbage",
        "wrong_charset",
        "bad_gzip",
        "bomb",
        "endless",
        "redirect",
        "redirect_loop",
        "no_cards",
        "unreadable",
        "challenge",
        "block_page",
        "repeat",
        "bad_date",
    }
)


@dataclass
class Fault:
    """One fault: what befalls requests whose path and query match ``pattern``, and how many more of them.

    Options: ``status`` and ``retry_after`` for ``status``, ``seconds`` for ``slow``, ``location`` for
    ``redirect``, ``megabytes`` for ``bomb``, ``date`` for ``bad_date``.
    """

    pattern: re.Pattern[str]
    kind: str
    times: int | None
    options: Mapping[str, object] = field(default_factory=dict)


class Faults:
    """The faults in force. They may be changed from any thread while the site is served."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, pattern: str, kind: str, times: int | None = None, **options: object) -> None:
        """Lets ``kind`` befall the next ``times`` requests that match the expression (``None``: all)."""
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(sorted(KINDS))}, not {kind!r}")
        with self._lock:
            self._faults.append(Fault(re.compile(pattern), kind, times, options))

    def clear(self) -> None:
        """Ends all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, path_qs: str) -> Fault | None:
        """The fault that befalls this request, the one added first; counts it as used."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.times != 0 and fault.pattern.search(path_qs):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
