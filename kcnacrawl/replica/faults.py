"""What can go wrong between a crawler and the site, on demand."""

import random
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kcnacrawl.replica.alteration import Alteration

KINDS: Mapping[str, str] = {
    # The answer never comes, or not whole.
    "status": "an error: `status` (503), `retry_after` (any string) or `retry_after_date` (seconds from now)",
    "reset": "the connection is reset",
    "truncated": "the body breaks off before its Content-Length",
    "truncated_gzip": "a gzip body cut `at` (0.5) of what the page is about, its Content-Length that of what is sent",
    "unframed": "neither Content-Length nor chunks, and the connection closes `at` (0.5) of what the page is about",
    "whole_unframed": "the same, but the body is whole",
    "slow": "the answer waits for `seconds` (1)",
    "hang": "the answer never comes",
    # The body is not what it says.
    "empty": "an empty body",
    "garbage": "5,000 bytes of nonsense",
    "wrong_charset": "the header says ISO-8859-1",
    "coding": "the header `Content-Encoding` has a `value` (utf-8), and the body is as without it",
    "chunked": "the body in chunks",
    "cookie": "the answer sets a cookie, `value` (session=secret)",
    "latin_header": "`status` (403) with a header that is no UTF-8",
    "recoded": "the page in another `encoding` (cp949), and the header says UTF-8",
    "notice": "a PHP notice, two byte order marks and a comment before the answer",
    "database": "a page that says the database is away, with status 200",
    "bad_gzip": "a gzip body that is none",
    "bomb": "a gzip body of `megabytes` (512) unpacked",
    "endless": "a body without end",
    "deep": "the page nested `depth` (100,000) elements deep",
    "entity_sitemap": "a sitemap whose entities expand to a gigabyte",
    "xxe_sitemap": "a sitemap with an external entity",
    # The site sends elsewhere, or wants to know who is there.
    "redirect": "to `location` (/)",
    "redirect_loop": "to the address that was asked for",
    "sign_up": "to the sign-up form",
    "form": "the sign-up form in the place of what the page is for",
    "overlay": "the page with the sign-up form over it",
    "truncate": "an article cut where the rest is for subscribers",
    "challenge": "a bot check: with `status`, also its header",
    "block_page": "a page that says who asks is blocked: `status` (200)",
    # The page is the site's, but not as it was.
    "no_cards": "a list without cards",
    "unreadable": "an article without its header",
    "bad_date": "an article dated `date` (31/02/2021)",
    "lost": "a page without one anchor: `field`, `way` (renamed); see Alteration",
    "hostile": "an article with hostile text: `what`, `field` (all); see Alteration",
    "hostile_cards": "cards with hostile text: the same",
    "repeat": "the AJAX endpoint answers as for offset 0",
    "stuck": "the AJAX endpoint answers every offset beyond `offset` (10) as for that one",
    "pinned": "`count` (2) old articles come back on every answer of a list, at its head or `at` its `foot`",
    "last_again": "the AJAX endpoint answers every offset past the end with its last `count` (3) cards",
    "around": "the AJAX endpoint begins anew past the end",
    "cached": "a listing page as it was `behind` (5) articles ago",
}
"""Every kind of fault, with its options and their defaults."""


@dataclass
class Fault:
    """One fault: what befalls requests whose path and query match ``pattern``, and how many more of them."""

    pattern: re.Pattern[str]
    kind: str
    times: int | None
    options: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, pattern: str, kind: str, times: int | None = None, **options: object) -> "Fault":
        """Return a fault of one of :data:`KINDS`; raise :class:`ValueError` for what is none."""
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(sorted(KINDS))}, not {kind!r}")
        Alteration(kind, options)
        return cls(re.compile(pattern), kind, times, options)


class _Chaos:
    """Random faults, bounded for every path."""

    def __init__(self, seed: int, faults: Sequence[Fault], share: float, per_path: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable is the point
        self._faults = faults
        self._share = share
        self._per_path = per_path
        self._befallen: Counter[str] = Counter()

    def take(self, path_qs: str) -> Fault | None:
        if self._random.random() >= self._share or self._befallen[path_qs] >= self._per_path:
            return None
        fitting = [fault for fault in self._faults if fault.pattern.search(path_qs)]
        if not fitting:
            return None
        self._befallen[path_qs] += 1
        return self._random.choice(fitting)


class Faults:
    """The faults in force. They may be changed from any thread while the site is served.

    ``served`` counts those that befell a request, by kind.
    """

    def __init__(self) -> None:
        self.served: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._chaos: _Chaos | None = None
        self._lock = threading.Lock()

    def add(self, pattern: str, kind: str, times: int | None = None, **options: object) -> None:
        """Let ``kind`` befall the next ``times`` requests that match the expression (``None``: all)."""
        fault = Fault.of(pattern, kind, times, **options)
        with self._lock:
            self._faults.append(fault)

    def chaos(self, seed: int, faults: Sequence[Fault], share: float = 0.2, per_path: int = 2) -> None:
        """Let one of ``faults`` befall each request with the probability ``share``, by chance among those that match.

        No path and query suffers more than ``per_path`` of them, so a crawl that goes on comes to its end. The same
        requests in the same order fare the same under the same seed. It ends any chaos before it.
        """
        with self._lock:
            self._chaos = _Chaos(seed, faults, share, per_path)

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()
            self._chaos = None

    def take(self, path_qs: str) -> Fault | None:
        """Return the fault that befalls this request: the one added first, else one of the chaos; count it as used."""
        with self._lock:
            fault = self._next(path_qs)
            if fault is not None:
                self.served[fault.kind] += 1
            return fault

    def _next(self, path_qs: str) -> Fault | None:
        for fault in self._faults:
            if fault.times != 0 and fault.pattern.search(path_qs):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return self._chaos.take(path_qs) if self._chaos else None
