"""``python -m tests.soak``: everything goes wrong at once, for long, and the archive must still equal the truth.

The replica fails at random in every way there is while its articles are published, edited, removed, opened and shut.
Run after run of ``scrapy crawl source`` is killed at a random instant, told to stop, or left alone. Then the site
calms down, and the same command is given until it ends with 0. Exit 0 only if every article is stored exactly as the
site showed it at some time, every line is whole and single, every run ended with a code that the contract lists for
what befell it, and nothing was asked for while a ``Retry-After`` lasted.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from kcnacrawl.archive.archive import ARTICLES, QUARANTINE, RUNS
from kcnacrawl.replica.faults import Fault
from kcnacrawl.replica.markup_variant import MarkupVariant
from kcnacrawl.replica.server import Replica, Request
from kcnacrawl.replica.world import World, cut_short

from . import processes
from .conftest import ROOT, command, field_differences

ANY, BUT_ROBOTS, ARTICLE, LISTING, AJAX = "", "^/(?!robots)", "^/newstream/", "^/article/", "admin-ajax"

MIX: Mapping[str, Sequence[Fault]] = {
    "status": [Fault.of(ANY, "status", status=status) for status in (500, 502, 503, 504, 429)],
    "retry_after": [
        *(Fault.of(BUT_ROBOTS, "status", status=status, retry_after=1) for status in (429, 503)),
        Fault.of(BUT_ROBOTS, "status", status=503, retry_after_date=1),
        Fault.of(BUT_ROBOTS, "status", status=503, retry_after="soon"),
    ],
    "reset": [Fault.of(ANY, "reset")],
    "truncated": [Fault.of(ANY, "truncated")],
    "truncated_gzip": [Fault.of(BUT_ROBOTS, "truncated_gzip", at=at) for at in (0.1, 0.2, 0.5, 0.9)],
    # A fragment says nowhere that it is whole.
    "unframed": [Fault.of(f"{ARTICLE}|{LISTING}|^/$", "unframed", at=at) for at in (0.1, 0.2, 0.5, 0.9)],
    "whole_unframed": [Fault.of(ANY, "whole_unframed")],
    "slow": [Fault.of(ANY, "slow", seconds=0.3)],
    "hang": [Fault.of(ANY, "hang")],
    "empty": [Fault.of(BUT_ROBOTS, "empty")],
    "no_cards": [Fault.of(f"{LISTING}|{AJAX}", "no_cards")],
    "garbage": [Fault.of(BUT_ROBOTS, "garbage")],
    "wrong_charset": [Fault.of(BUT_ROBOTS, "wrong_charset")],
    "coding": [Fault.of(BUT_ROBOTS, "coding")],
    "chunked": [Fault.of(ANY, "chunked")],
    "cookie": [Fault.of(ANY, "cookie")],
    "latin_header": [Fault.of(BUT_ROBOTS, "latin_header")],
    "notice": [Fault.of(f"{ARTICLE}|{LISTING}|{AJAX}", "notice")],
    "database": [Fault.of(BUT_ROBOTS, "database")],
    "bad_gzip": [Fault.of(BUT_ROBOTS, "bad_gzip")],
    "bomb": [Fault.of(BUT_ROBOTS, "bomb", megabytes=3)],
    "endless": [Fault.of(BUT_ROBOTS, "endless")],
    "deep": [Fault.of(BUT_ROBOTS, "deep")],
    "redirect": [
        Fault.of(BUT_ROBOTS, "redirect", location=location)
        for location in ("/", "/about/", "http://127.0.0.1:1/", "https://example.org/", "file:///etc/passwd", "data:,x")
    ],
    "redirect_loop": [Fault.of(BUT_ROBOTS, "redirect_loop")],
    "sign_up": [Fault.of(ARTICLE, "sign_up")],
    "form": [Fault.of(ARTICLE, "form")],
    "overlay": [Fault.of(ARTICLE, "overlay")],
    "truncate": [Fault.of(ARTICLE, "truncate")],
    "challenge": [Fault.of(BUT_ROBOTS, "challenge"), Fault.of(BUT_ROBOTS, "challenge", status=403)],
    "block_page": [Fault.of(BUT_ROBOTS, "block_page"), Fault.of(BUT_ROBOTS, "block_page", status=403)],
    "unreadable": [Fault.of(ARTICLE, "unreadable")],
    "bad_date": [Fault.of(ARTICLE, "bad_date")],
    "lost": [Fault.of(ARTICLE, "lost", field=name) for name in ("headline", "date", "label")],
    "repeat": [Fault.of(AJAX, "repeat")],
    "stuck": [Fault.of(AJAX, "stuck")],
}
"""What goes wrong, by the name under which it may be left out."""

# Kinds after which a run may say that the layout changed, or that it was refused; after any, that it is incomplete.
CHANGED = {
    *("empty", "garbage", "wrong_charset", "deep", "redirect", "no_cards", "unreadable", "bad_date", "lost", "form"),
    *("challenge", "block_page", "unframed", "truncated_gzip", "repeat", "stuck"),
}
REFUSED = {"status", "latin_header", "challenge", "block_page", "sign_up", "form", "truncate", "redirect"}

PACE = (
    *("DOWNLOAD_DELAY=0", "CONCURRENT_REQUESTS_PER_DOMAIN=8", "DOWNLOAD_MAXSIZE=1000000"),
    *("KCNACRAWL_BACKOFF=0.05", "KCNACRAWL_PAUSES=100000"),
    *("KCNACRAWL_WALLS_IN_A_ROW=1000", "KCNACRAWL_WALLS_OF_50=50"),
)
# Seconds. Under chaos a page that is late is as good as lost; a calm site may be slow where the machine is busy.
TIMEOUT, CALM_TIMEOUT = 1, 60
LONGEST_RUN = 300
CALM_RUNS = 5
# What is on its way when the site says "wait" arrives all the same; the shortest wait is a second.
ON_ITS_WAY = 0.5
RENEWED_EVERY = 8
# Enough for a run to be busy when its end comes.
PUBLISHED_A_RUN = 30
QUARANTINE_KEYS = ["id", "url", "reason", "detail", "seen_at", "run_id", "http_status"]
CARD_KEYS = ("description", "date_listed", "date_listed_raw")

Line = dict[str, Any]
Truth = dict[str, Any]


class History:
    """Everything the site ever showed of each article, oldest first."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.versions: dict[str, list[Truth]] = {}
        for article_id in replica.world.ids():
            self.note(article_id)

    def note(self, article_id: str) -> None:
        """What is shown of an article from now on."""
        truth = self._replica.world.truth(article_id, self._replica.url)
        self.versions.setdefault(article_id, []).append(truth)

    def shown(self, article_id: str, *, cut: bool) -> Iterator[Truth]:
        """What a record may have been made of, the latest first: a page, and a card no later than that.

        ``cut``: the page may have been cut for subscribers besides.
        """
        versions = self.versions.get(article_id, [])
        for place, page in reversed(list(enumerate(versions))):
            for card in versions[place::-1] if page["gate"] is None else []:
                seen = page | {key: card[key] for key in CARD_KEYS} | {"status": "live"}
                seen["date_conflict"] = _days_apart(seen) > 1
                yield from _readings(seen, cut=cut)


def _readings(truth: Truth, *, cut: bool) -> Iterator[Truth]:
    """The records a page may rightly give, one as good as another."""
    yield truth
    if cut and truth["access"] == "full":
        body = "\n\n".join(cut_short(truth["article_body"].split("\n\n")))
        truth = truth | {"article_body": body, "access": "truncated", "images": []}
        yield truth
    if truth["access"] == "truncated":
        # What is left of a Korean text may be a line of English and little else.
        yield truth | {"in_language": "en"}


def _days_apart(truth: Truth) -> int:
    published, listed = (date.fromisoformat(truth[key]) for key in ("date_published", "date_listed"))
    return abs((published - listed).days)


class Tail:
    """Reads a growing file of JSON lines, each line once; tells what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = 0
        self.lines: list[Line] = []
        self.faults: list[str] = []

    def read(self, *, may_be_torn: bool) -> list[Line]:
        """The whole lines that are new."""
        data = self._path.read_bytes() if self._path.exists() else b""
        if len(data) < self._end:
            self.faults.append(f"{self._path.name} has lost {self._end - len(data)} bytes")
        whole, newline, rest = data[self._end :].rpartition(b"\n")
        if rest and not may_be_torn:
            self.faults.append(f"{self._path.name} ends in a torn line")
        self._end += len(whole) + len(newline)
        fresh = [self._line(line) for line in whole.splitlines()]
        self.lines += filter(None, fresh)
        return [line for line in fresh if line]

    def _line(self, line: bytes) -> Line | None:
        try:
            found: Line = json.loads(line)
        except ValueError as error:
            self.faults.append(f"{self._path.name}: {error}: {line[:80]!r}")
            return None
        return found


@dataclass
class Archive:
    """What the runs have written so far, and what is wrong with it."""

    folder: Path
    faults: list[str] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    rejections: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.articles = Tail(self.folder / ARTICLES)
        self.quarantine = Tail(self.folder / QUARANTINE)

    def check(self, *, killed: bool) -> None:
        """Reads on; only a killed run may leave its last line torn."""
        for record in self.articles.read(may_be_torn=killed):
            article_id, revision = record["id"], record["revision"]
            if revision != self.revisions.get(article_id, 0) + 1:
                self.faults.append(f"{article_id}: revision {revision} after {self.revisions.get(article_id, 0)}")
            self.revisions[article_id] = revision
        for rejected in self.quarantine.read(may_be_torn=killed):
            if list(rejected) != QUARANTINE_KEYS:
                self.faults.append(f"{QUARANTINE} has a line with the keys {', '.join(rejected)}")
            self.rejections[rejected["id"]] = rejected["reason"]

    def reports(self) -> dict[str, int]:
        """Exit codes by run, as their reports say."""
        reports = (json.loads(path.read_bytes()) for path in (self.folder / RUNS).glob("*.json"))
        return {report["run_id"]: report["exit_code"] for report in reports}

    @property
    def wrong(self) -> list[str]:
        """Everything that was found wrong with the files."""
        return self.faults + self.articles.faults + self.quarantine.faults


def differences(replica: Replica, history: History, archive: Archive) -> list[str]:
    """Where the archive is not what the site showed."""
    befallen = faults_by_article(replica.requests, history)
    wrong = []
    for record in archive.articles.lines:
        wrong += lies(replica, history, record, cut="truncate" in befallen.get(record["id"], ()))
    for article_id in replica.world.ids():
        if article_id not in archive.revisions and not is_walled(history, archive, article_id, befallen):
            wrong.append(f"{article_id}: missing, and not behind a wall when it was last asked for")
    return wrong


def lies(replica: Replica, history: History, record: Line, *, cut: bool) -> list[str]:
    """What a record says that the site never showed, measured by what comes nearest."""
    found = [field_differences(replica, truth, record) for truth in history.shown(record["id"], cut=cut)]
    return min(found, key=len, default=[f"{record['id']}: stored, though the site never showed it"])


def is_walled(history: History, archive: Archive, article_id: str, befallen: Mapping[str, set[str]]) -> bool:
    """Whether an article was behind a sign-up wall when it was last asked for; it is looked at again some other day."""
    versions = history.versions[article_id]
    had_gate = any(version["gate"] for version in versions)
    # Over a page without a text, a form stands in its place.
    walls = (
        {"sign_up", "form"} if all(version["article_body"] for version in versions) else {"sign_up", "form", "overlay"}
    )
    had_wall = bool(befallen.get(article_id, set()) & walls)
    return archive.rejections.get(article_id) == "sign_up_wall" and (had_gate or had_wall)


def faults_by_article(requests: Sequence[Request], history: History) -> dict[str, set[str]]:
    """The kinds of faults that ever befell each article's page."""
    found: dict[str, set[str]] = {}
    for request in requests:
        article_id = request.path_qs.removeprefix("/newstream/").partition("/")[0]
        if request.fault and article_id in history.versions:
            found.setdefault(article_id, set()).add(request.fault)
    return found


def intrusions(requests: Sequence[Request]) -> list[Request]:
    """The requests of one run that came while it had been told to wait."""
    waits = [
        (request.answered_at + ON_ITS_WAY, request.answered_at + float(request.retry_after))
        for request in requests
        if request.answered_at is not None and request.retry_after and request.retry_after.isdigit()
    ]
    return [request for request in requests if any(begin < request.at < end for begin, end in waits)]


@dataclass
class Summary:
    """What happened, to be printed."""

    runs: int = 0
    kills: int = 0
    terms: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Soak:
    """One soak: a replica, its history, an archive, and the runs between them."""

    def __init__(self, replica: Replica, folder: Path, faults: Sequence[Fault], share: float, seed: int) -> None:
        self.replica = replica
        self.history = History(replica)
        self.archive = Archive(folder / "archive")
        self.summary = Summary()
        self._log = folder / "log.txt"
        self._faults = faults
        self._share = share
        self._seed = seed
        self._random = random.Random(seed)
        # How long the last run took that was left alone, in seconds: a signal comes within as much.
        self._lasted = 3.0

    def storm(self, kills: int) -> None:
        """Runs under chaos, most of them cut short, until so many were killed."""
        while self.summary.kills < kills:
            if self.summary.runs % RENEWED_EVERY == 0:
                self.replica.faults.chaos(self._seed + self.summary.runs, self._faults, self._share)
                print(self.progress, flush=True)
            self._publish(PUBLISHED_A_RUN)
            [end] = self._random.choices([signal.SIGKILL, signal.SIGTERM, None], [10, 1, 1])
            self._run(end)

    def calm(self) -> bool:
        """Runs without faults until one ends with 0; whether one did."""
        self.replica.faults.clear()
        return any(self._run(None, is_calm=True) == 0 for _ in range(CALM_RUNS))

    @property
    def progress(self) -> str:
        """Where the soak is, in a line."""
        summary = self.summary
        return (
            f"{summary.runs} runs, {summary.kills} killed, {summary.terms} stopped; {len(self.archive.revisions)} of"
            f" {len(self.replica.world.ids())} articles, {self.replica.faults.served.total()} faults served"
        )

    def _run(self, end: signal.Signals | None, *, is_calm: bool = False) -> int:
        first, served = len(self.replica.requests), Counter(self.replica.faults.served)
        known = self.archive.reports()
        code = self._crawl(end, is_calm=is_calm)
        self.summary.runs += 1
        self.summary.codes[code] += 1
        self.archive.check(killed=code == -signal.SIGKILL)
        reported = [code for run, code in self.archive.reports().items() if run not in known]
        # A signal may come when the report is written already.
        if end is None and reported != [code]:
            self._complain(f"a run ended with {code}, its report says {reported}")
        allowed = codes_for(self.replica.faults.served - served, end, is_calm=is_calm)
        if code not in allowed:
            self._complain(f"a run ended with {code}, not one of {sorted(allowed)}: {self._last_words}")
        if hasty := intrusions(self.replica.requests[first:]):
            self._complain(f"{len(hasty)} requests came while a Retry-After lasted, the first {hasty[0].path_qs}")
        return code

    def _crawl(self, end: signal.Signals | None, *, is_calm: bool) -> int:
        """Runs the crawl to its end, or sends it a signal; the site changes meanwhile. Returns the exit code."""
        run, begun = self._start(is_calm=is_calm), time.monotonic()
        until = begun + (LONGEST_RUN if end is None else self._random.uniform(0.3, self._lasted))
        while run.poll() is None and time.monotonic() < until:
            time.sleep(min(self._random.uniform(0.02, 0.2), max(0, until - time.monotonic())))
            if not is_calm:
                self._change()
        if end is None:
            self._lasted = time.monotonic() - begun
        if run.poll() is None:
            run.send_signal(end or signal.SIGKILL)
            self.summary.kills += end is signal.SIGKILL
            self.summary.terms += end is signal.SIGTERM
        return run.wait(60)

    def _start(self, *, is_calm: bool) -> subprocess.Popen[bytes]:
        pace = (*PACE, f"DOWNLOAD_TIMEOUT={CALM_TIMEOUT if is_calm else TIMEOUT}")
        words = command(self.archive.folder, self.replica.url, "source", pace=pace)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KCNACRAWL_")}
        with self._log.open("ab") as log:
            return processes.Popen(words, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def _complain(self, what: str) -> None:
        self.summary.wrong.append(f"run {self.summary.runs}: {what}")

    @property
    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else ""

    # What happens at the site meanwhile

    def _publish(self, number: int) -> None:
        for article_id in self.replica.world.publish(number):
            self.history.note(article_id)

    def _change(self) -> None:
        world = self.replica.world
        article_id = self._random.choice(world.ids())
        match self._random.choices(["nothing", "publish", "edit", "remove", "open", "close"], [6, 3, 3, 1, 1, 1])[0]:
            case "publish":
                self._publish(self._random.randint(1, 4))
            case "edit":
                world.edit(article_id, self._random.choice(["body", "headline", "date"]))
            case "remove":
                world.remove(article_id)
            case "open":
                world.open_up(article_id)
            case "close":
                world.close_up(article_id)
        self.history.note(article_id)


def codes_for(served: Mapping[str, int], end: signal.Signals | None, *, is_calm: bool) -> set[int]:
    """The exit codes that the contract lists for a run that these faults befell and that was ended so."""
    allowed = {0} if is_calm else {0, 3}
    allowed |= {4} if served.keys() & CHANGED else set()
    allowed |= {5} if served.keys() & REFUSED else set()
    if end is signal.SIGTERM:
        # Before Python has come to our code, the kernel's own way of ending a process.
        allowed |= {143, -signal.SIGTERM}
    return allowed | ({-signal.SIGKILL} if end is signal.SIGKILL else set())


def main() -> int:
    options = parse()
    chosen = options.only or [name for name in MIX if name not in options.without]
    faults = [fault for name in chosen for fault in MIX[name]]
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    # What is slipped into a list further down, weeks late, is not looked for: see docs/reach.md.
    variant = replace(MarkupVariant.random(options.seed), order="arrival", ajax_id="data-id")
    begun = time.monotonic()
    with Replica(World(options.seed, options.articles, 3), variant) as replica:
        soak = Soak(replica, folder, faults, options.share, options.seed)
        soak.storm(options.kills)
        if not soak.calm():
            soak.summary.wrong.append(f"no run ended with 0, of {CALM_RUNS} with nothing in the way")
        wrong = soak.summary.wrong + soak.archive.wrong
        different = differences(replica, soak.history, soak.archive)
    tell(soak, wrong, different, time.monotonic() - begun)
    if wrong or different or options.keep:
        print(f"archive, log {folder}")
    if wrong or different:
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    return 0


def tell(soak: Soak, wrong: Sequence[str], different: Sequence[str], seconds: float) -> None:
    """The summary."""
    summary = soak.summary
    for line in [*wrong[:25], *different[:25]]:
        print(line[:400])
    served = ", ".join(f"{kind} {number}" for kind, number in sorted(soak.replica.faults.served.items()))
    codes = ", ".join(f"{code}: {number}" for code, number in sorted(summary.codes.items()))
    print(
        f"runs         {summary.runs} ({summary.kills} by SIGKILL, {summary.terms} by SIGTERM)\n"
        f"exit codes   {codes}\n"
        f"faults       {soak.replica.faults.served.total()}: {served}\n"
        f"requests     {len(soak.replica.requests)}\n"
        f"articles     {len(soak.archive.revisions)} stored, {len(soak.archive.articles.lines)} lines,"
        f" {len(soak.replica.world.ids())} live\n"
        f"quarantine   {len(soak.archive.quarantine.lines)} lines\n"
        f"wrong        {len(wrong)}\n"
        f"differences  {len(different)}\n"
        f"seconds      {seconds:.0f}"
    )


def parse() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        found = text.split(",")
        if not set(found) <= MIX.keys():
            raise argparse.ArgumentTypeError(f"there are {', '.join(MIX)}")
        return found

    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs before the site calms down (default: 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--articles", type=int, default=200, help="to begin with (default: 200)")
    parser.add_argument("--share", type=float, default=0.15, help="of requests that fail (default: 0.15)")
    parser.add_argument("--keep", action="store_true", help="the archive and the log, also if all is well")
    parser.add_argument("--only", type=names, default=[], help=f"faults, of {', '.join(MIX)}")
    parser.add_argument("--without", type=names, default=[], help="faults to leave out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
