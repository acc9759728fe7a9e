"""The content of the replica and the truth about it.

A world of 100,000 articles keeps a few numbers an article and makes up every text anew when asked, as a
function of the seed and the article's number.
"""

import threading
import unicodedata
from array import array
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from urllib.parse import quote

from kcnacrawl.replica import words

SUMMARY_WIDTH = 130
SLUG_LENGTH = 200
NOTICE = "Upgrade to NK PRO today to get full access to this content except for users based in South Korea"

_DAY = 86_400
_BULK_SHARE = 0.2
_BULK_FIRST, _BULK_LAST = date(1997, 1, 1).toordinal(), date(2015, 12, 31).toordinal()
_BULK_LOADED = int(datetime(2016, 1, 1, 6, tzinfo=UTC).timestamp())
_BULK_SECONDS = 30 * _DAY
_LIVE_FIRST = date(2016, 2, 15).toordinal()
_EPOCH = date(1970, 1, 1).toordinal()

# Texts and titles go by story: a story that several sources carry is the same in all of them.
_TITLE_KINDS = words.cycle(
    61,
    {
        "dot": 5, "break": 4, "straight": 2, "curly": 3, "apostrophe": 3, "ampersand": 2, "less": 1,
        "wide": 2, "date": 1, "more": 1, "header": 1, "recurring": 3, "long": 3, "zero-width": 2,
    },
    "ordinary",
)  # fmt: skip
_LANGUAGES = words.cycle(43, {"other": 1, "third": 1}, "own")
_SPECIALS = words.cycle(29, {"month": 1, "paper": 1, "header": 1, "day": 1, "more": 1}, "none")
# The rest goes by article.
_BODIES = words.cycle(71, {"truncated": 3, "empty": 1, "blank": 1, "missing": 2}, "full")
_GATES = words.cycle(67, {"redirect": 1, "form": 1}, "none")
# The sign-up form beside a text, which is none the less whole.
_FORMS = words.cycle(73, {"shown": 2, "hidden": 2}, "none")
_LAYOUTS = words.cycle(31, {"2017": 2, "2024": 4}, "2025")
_CARD_DAYS = words.cycle(83, {"1": 4, "-1": 4, "3": 1, "-400": 1}, "0")
_IMAGES = words.cycle(11, {"plain": 1, "lazy": 1, "foreign": 1}, "none")
_ORIGINALS = words.cycle(13, {"missing": 1}, "present")
_SUMMARIES = words.cycle(59, {"missing": 1}, "present")
_ARRIVALS = words.cycle(37, {"late": 2}, "prompt")
_COPIES = words.cycle(19, {"copy": 1}, "own")
_DISORDER = words.cycle(17, {"1": 1, "-2": 1}, "0")
_SPACES = words.cycle(23, {"wrapped": 2, "indented": 2, "spaced": 1}, "tidy")


@dataclass(frozen=True, slots=True)
class Outlet:
    """One of the site's sources; ``sid`` is in its listing's address, ``ajax_id`` in its AJAX requests."""

    sid: int
    ajax_id: int
    label: str
    style: str
    host: str

    @property
    def token(self) -> str:
        """The language token at the end of the label, with its brackets: ``(En)``, or nothing."""
        return self.label[self.label.index("(") :] if "(" in self.label else ""

    @property
    def name(self) -> str:
        """The label without its language token."""
        return self.label.removesuffix(self.token).strip()

    @property
    def language(self) -> str | None:
        """``en`` or ``ko``, as the label says; ``None`` if it does not say."""
        return {"(en": "en", "(kr": "ko"}.get(self.token[:3].lower())


# The labels are the site's; of the numbers only 156, 163, 189661 and 190036 are.
OUTLETS: Sequence[Outlet] = (
    Outlet(156, 190412, "KCNA.kp (En)", "kcna", "www.kcna.kp"),
    Outlet(160, 189661, "Rodong Sinmun (Kr)", "rodong", "www.rodong.rep.kp"),
    Outlet(163, 191207, "Ministry of Foreign Affairs (EN)", "other", "www.mfa.gov.kp"),
    Outlet(158, 190036, "KCNA (Kr)", "kcna", "www.kcna.kp"),
    Outlet(167, 188350, "Pyongyang Times", "other", "www.pyongyangtimes.com.kp"),
    Outlet(171, 190998, "DPRK Today (English)", "other", "www.dprktoday.com"),
    Outlet(165, 189117, "Minju Choson (EN)", "other", "www.minzu.rep.kp"),
    Outlet(168, 192540, "Voice of Korea (EN)", "other", "www.vok.rep.kp"),
    Outlet(161, 187603, "Naenara (En)", "other", "www.naenara.com.kp"),
    Outlet(164, 191333, "Ministry of Foreign Affairs (KR)", "other", "www.mfa.gov.kp"),
    Outlet(155, 186729, "KCNA.co.jp (En)", "kcna", "www.kcna.co.jp"),
    Outlet(159, 189550, "Rodong Sinmun (En)", "rodong", "www.rodong.rep.kp"),
    Outlet(166, 193071, "Minju Choson (KR)", "other", "www.minzu.rep.kp"),
    Outlet(169, 192684, "Voice of Korea (KR)", "other", "www.vok.rep.kp"),
    Outlet(162, 187812, "Naenara (Kr)", "other", "www.naenara.com.kp"),
    Outlet(172, 194226, "DPRK Today (Kr)", "other", "www.dprktoday.com"),
    Outlet(173, 194305, "Uriminzokkiri (Kr)", "other", "www.uriminzokkiri.com"),
    Outlet(174, 195018, "Arirang Meari (Kr)", "other", "www.arirangmeari.com"),
    Outlet(175, 195740, "Youth Vanguard (Kr)", "other", "www.youth.rep.kp"),
    Outlet(176, 196401, "Korea Today (EN)", "other", "www.koreatoday.com.kp"),
)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture inside a body; ``lazy``: its address is in ``data-src``."""

    url: str
    lazy: bool


@dataclass(frozen=True, slots=True)
class CardView:
    """What a card shows. ``title`` is not folded: it may hold line breaks."""

    id: str
    slug: str
    title: str
    summary: str | None
    listed: date
    outlet: Outlet


@dataclass(frozen=True, slots=True)
class ArticleView:
    """What an article page shows; ``body`` is full, truncated, empty, blank or missing."""

    number: int
    id: str
    slug: str
    title: str
    published: date
    label: str
    outlet: Outlet
    layout: str
    body: str
    paragraphs: list[str]
    language: str
    spaces: str
    images: list[Image]
    original_url: str | None
    gate: str | None
    # The sign-up form beside the text: none, shown or hidden.
    form: str


class World:
    """A site's content: deterministic from its arguments, and open to change while it is served.

    ``order`` is that of the listings, ``date`` or ``arrival``; a :class:`Replica` sets it to its variant's.
    Most articles are of the last years; a fifth was published 1997 to 2015 and loaded in January 2016, in
    order, or with ``bulk_shuffled`` in none. All methods may be called from any thread.
    """

    def __init__(
        self,
        seed: int = 1,
        articles: int = 2000,
        sources: int = 5,
        *,
        order: str = "date",
        today: date = date(2026, 9, 11),
        bulk_shuffled: bool = False,
    ) -> None:
        if not 1 <= sources <= len(OUTLETS):
            raise ValueError(f"sources is 1 to {len(OUTLETS)}, not {sources}")
        if articles < 0:
            raise ValueError(f"articles is 0 or more, not {articles}")
        self.seed = seed
        self.outlets = OUTLETS[:sources]
        self.version = 0
        self._by_sid = {outlet.sid: place for place, outlet in enumerate(self.outlets)}
        self._lock = threading.RLock()
        self._now = (today.toordinal() - _EPOCH) * _DAY + 15 * 3600
        self._bulk_shuffled = bulk_shuffled
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._outlet_of = array("B")
        self._days = array("l")
        self._stories = array("l")
        self._edits: dict[int, dict[str, int]] = {}
        self._modified: dict[int, int] = {}
        self._gone: set[int] = set()
        # Whether what is kept for subscribers was opened or shut since.
        self._open: dict[int, bool] = {}
        # An outlet earlier in the list publishes more.
        self._shares = [place for place in range(sources) for _ in range(sources - place + 2)]
        self._found: dict[tuple[object, ...], list[str]] = {}
        self._populate(articles)
        self._listings: list[list[int]] = []
        self.arrange(order)

    # What there is

    @property
    def order(self) -> str:
        """``date`` or ``arrival``."""
        return self._order

    @property
    def today(self) -> date:
        """The day at the top of every page; it passes as articles are published."""
        return datetime.fromtimestamp(self._now, tz=UTC).date()

    def outlet(self, sid: int) -> Outlet | None:
        """Return the source with this sid."""
        place = self._by_sid.get(sid)
        return None if place is None else self.outlets[place]

    def outlet_by_ajax_id(self, ajax_id: int) -> Outlet | None:
        """Return the source with this AJAX id."""
        return next((outlet for outlet in self.outlets if outlet.ajax_id == ajax_id), None)

    def ids(self, source_sid: int | None = None) -> list[str]:
        """Return the identities of all live articles in no promised order, or of a source's in listing order."""
        if source_sid is not None:
            return self.listing(source_sid)
        with self._lock:
            return [name for number, name in enumerate(self._ids) if number not in self._gone]

    def listing(self, sid: int) -> list[str]:
        """Return a source's identities in the order of its listing."""
        with self._lock:
            return [self._ids[number] for number in self._listings[self._by_sid[sid]]]

    def cards(self, sid: int, offset: int, count: int) -> list[CardView]:
        """Return a piece of a source's listing; costs as much as it is long."""
        with self._lock:
            return [self._card(number) for number in self._listings[self._by_sid[sid]][offset : offset + count]]

    def card(self, article_id: str) -> CardView:
        """Return an article's card."""
        return self._card(self._numbers[article_id])

    def published(self, article_id: str) -> date:
        """Return an article's day, without making up its texts."""
        return self._published(self._numbers[article_id])

    def article(self, article_id: str) -> ArticleView | None:
        """Return what an article's page shows; ``None`` if there never was such an article."""
        number = self._numbers.get(article_id)
        with self._lock:
            # As a whole from before a change or from after it.
            return None if number is None else self._article(number)

    def is_gone(self, article_id: str) -> bool:
        """Return True if the article was removed."""
        return self._numbers[article_id] in self._gone

    def gone_status(self, article_id: str) -> int:
        """Return 404 or 410: what a removed article answers."""
        return 410 if self._numbers[article_id] % 2 else 404

    def modified(self, article_id: str) -> datetime:
        """Return when the article arrived or was last edited."""
        number = self._numbers[article_id]
        return datetime.fromtimestamp(self._modified.get(number, self._stamp(number)), tz=UTC)

    def search(
        self, query: str = "", sid: int | None = None, start: date | None = None, end: date | None = None
    ) -> list[str]:
        """Find the articles with all words of ``query`` (in quotes: the phrase) in headline or summary.

        Newest first by article date, as ``sort=recent`` promises.
        """
        key = (self.version, query, sid, start, end)
        found = self._found.get(key)
        if found is None:
            if len(self._found) > 64:
                self._found.clear()
            found = self._found[key] = self._search(query, sid, start or date.min, end or date.max)
        return found

    def truth(self, article_id: str, base_url: str = "") -> dict[str, object]:
        """Return the record a perfect crawler would make of an article.

        ``gate`` (``None``, ``redirect``, ``form``) tells what would keep it from doing so; ``url_path`` stands for the
        record's ``url``; ``images`` are absolute given the site's address.
        """
        article = self._article(self._numbers[article_id])
        card = self.card(article_id)
        outlet = article.outlet
        return {
            "id": article.id,
            "status": "gone" if self.is_gone(article_id) else "live",
            "url_path": f"/newstream/{article.id}/{article.slug}",
            "headline": fold(article.title),
            "date_published": article.published.isoformat(),
            "date_published_raw": header_date(article.published),
            "date_listed": card.listed.isoformat(),
            "date_listed_raw": card_date(card.listed),
            "url_time": datetime.fromtimestamp(int(article.id[:10]), tz=UTC).isoformat(),
            "date_conflict": abs((article.published - card.listed).days) > 1,
            "source_id": outlet.sid,
            "source_label": article.label,
            "source_name": outlet.name,
            "source_language": outlet.language,
            "in_language": article.language,
            "description": card.summary,
            "article_body": "\n\n".join(article.paragraphs),
            "access": article.body if article.body in {"full", "truncated"} else "empty",
            "original_url": article.original_url,
            "images": [_absolute(image.url, base_url) for image in article.images],
            "gate": article.gate,
        }

    # What happens

    def arrange(self, order: str) -> None:
        """Put the listings in order: by article date, with local disorder, or by arrival; newest first. ``oldest``
        is by article date, oldest first.
        """
        if order not in {"date", "arrival", "oldest"}:
            raise ValueError(f"order is date, arrival or oldest, not {order!r}")
        with self._lock:
            self._order = order
            self._listings = [[] for _ in self.outlets]
            for number, place in enumerate(self._outlet_of):
                if number not in self._gone:
                    self._listings[place].append(number)
            for listing in self._listings:
                listing.sort(key=self._rank)
            self.version += 1

    def publish(self, n: int = 1, sid: int | None = None, late_days: int = 0) -> list[str]:
        """Add ``n`` articles that arrive now, dated ``late_days`` ago; return their identities."""
        with self._lock:
            fresh = []
            for _ in range(n):
                self._now += 7
                number = len(self._ids)
                place = self._by_sid[sid] if sid is not None else self._place(number)
                day = self.today.toordinal() - late_days
                self._add(place, day, self._now, number)
                insort(self._listings[place], number, key=self._rank)
                fresh.append(self._ids[number])
            self.version += 1
            return fresh

    def edit(self, article_id: str, what: str = "body") -> None:
        """Change an article's ``body``, ``headline`` or ``date`` (a day earlier); its slug and place stay.

        A body that was empty gets a text.
        """
        if what not in {"body", "headline", "date"}:
            raise ValueError(f"what is body, headline or date, not {what!r}")
        with self._lock:
            number = self._numbers[article_id]
            edits = dict(self._edits.get(number, {}))
            edits[what] = edits.get(what, 0) + 1
            self._edits[number] = edits
            self._now += 7
            self._modified[number] = self._now
            self.version += 1

    def open_up(self, article_id: str) -> None:
        """Show a truncated article whole from now on, and a gated one without its gate."""
        self._set_open(article_id, is_open=True)

    def close_up(self, article_id: str) -> None:
        """Truncate an article's text from now on; a gate that was opened is shut again."""
        self._set_open(article_id, is_open=False)

    def _set_open(self, article_id: str, *, is_open: bool) -> None:
        with self._lock:
            self._open[self._numbers[article_id]] = is_open
            self.version += 1

    def remove(self, article_id: str) -> None:
        """Take an article away: it answers 404 or 410 and is in no listing, search or sitemap."""
        with self._lock:
            number = self._numbers[article_id]
            if number not in self._gone:
                self._gone.add(number)
                listing = self._listings[self._outlet_of[number]]
                if number in listing:
                    listing.remove(number)
                self.version += 1

    def restore(self, article_id: str) -> None:
        """Give an article that was taken away its page again; it is in no listing."""
        with self._lock:
            self._gone.discard(self._numbers[article_id])
            self.version += 1

    # How an article comes about

    def _populate(self, articles: int) -> None:
        bulk = int(articles * _BULK_SHARE)
        live_days = self.today.toordinal() - _LIVE_FIRST
        for number in range(articles):
            if number < bulk:
                day, stamp = self._loaded(number, number / bulk)
            else:
                # The cube makes the present dense and the past sparse, so that a small world has both.
                age = 1 - (number - bulk) / (articles - bulk)
                day, stamp = self._arrived(number, self.today.toordinal() - int(live_days * age**3))
            place = self._place(number)
            if number >= articles - len(self.outlets):
                place = number % len(self.outlets)
            self._add(place, day, stamp, self._story(number, place, bulk))

    def _loaded(self, number: int, part: float) -> tuple[int, int]:
        """Return day and stamp of an article of the bulk load."""
        roll = words.dice(f"{self.seed}/load/{number}")
        day = _BULK_FIRST + int(part * (_BULK_LAST - _BULK_FIRST))
        if self._bulk_shuffled:
            part = words.number(roll) / 2**32
        return day, _BULK_LOADED + int(part * _BULK_SECONDS) + words.number(roll) % 3600

    def _arrived(self, number: int, day: int) -> tuple[int, int]:
        """Return day and stamp of an article that came in by itself: within a day, or 10 to 35 days late."""
        roll = words.dice(f"{self.seed}/arrival/{number}")
        stamp = (day - _EPOCH) * _DAY + words.number(roll) % (2 * _DAY) - _DAY // 2
        if stamp >= self._now:
            stamp = self._now - 1 - words.number(roll) % (_DAY // 2)
        if self._kind(_ARRIVALS, number) == "late":
            day = (stamp // _DAY) + _EPOCH - 10 - next(roll) % 26
        return day, stamp

    def _place(self, number: int) -> int:
        return self._shares[words.number(words.dice(f"{self.seed}/place/{number}")) % len(self._shares)]

    def _story(self, number: int, place: int, bulk: int) -> int:
        """Return the number of the story an article tells: its own, or one that another source has just told."""
        if number < bulk or self._kind(_COPIES, number) == "own":
            return number
        language = self.outlets[place].language
        for earlier in range(number - 1, max(bulk, number - 12) - 1, -1):
            other = self._outlet_of[earlier]
            if other != place and self.outlets[other].language == language:
                return self._stories[earlier]
        return number

    def _add(self, place: int, day: int, stamp: int, story: int) -> None:
        number = len(self._ids)
        name = self._identity(number, stamp)
        self._ids.append(name)
        self._numbers[name] = number
        self._outlet_of.append(place)
        self._days.append(day)
        self._stories.append(story)

    def _identity(self, number: int, stamp: int) -> str:
        roll = words.dice(f"{self.seed}/identity/{number}")
        while True:
            digits = 7 + next(roll) % 3
            tail = 10 ** (digits - 1) + words.number(roll) % (9 * 10 ** (digits - 1))
            name = f"{stamp}-{tail}"
            if name not in self._numbers:
                return name

    def _rank(self, number: int) -> int:
        stamp = self._stamp(number)
        if self._order == "arrival":
            return -stamp
        day = self._days[number] + int(self._kind(_DISORDER, number))
        rank = day * _DAY + stamp % _DAY
        return rank if self._order == "oldest" else -rank

    def _kind(self, kinds: Sequence[str], number: int) -> str:
        return kinds[(number + self.seed) % len(kinds)]

    def _stamp(self, number: int) -> int:
        return int(self._ids[number][:10])

    # What an article shows

    def _card(self, number: int) -> CardView:
        outlet = self.outlets[self._outlet_of[number]]
        published = self._published(number)
        listed = published + timedelta(days=int(self._kind(_CARD_DAYS, number)))
        return CardView(
            self._ids[number], self._slug(number), self._title(number), self._summary(number), listed, outlet
        )

    def _article(self, number: int) -> ArticleView:
        outlet = self.outlets[self._outlet_of[number]]
        layout = self._kind(_LAYOUTS, number)
        if layout == "2017" and not outlet.token:
            layout = "2024"
        body = self._body(number)
        gate = "none" if self._open.get(number) else self._kind(_GATES, number)
        return ArticleView(
            number=number,
            id=self._ids[number],
            slug=self._slug(number),
            title=self._title(number),
            published=self._published(number),
            label=outlet.token if layout == "2017" else outlet.label,
            outlet=outlet,
            layout=layout,
            body=body,
            paragraphs=self._paragraphs(number, body),
            language=self._language(self._stories[number]),
            spaces=self._kind(_SPACES, number),
            images=self._images(number, outlet) if body == "full" else [],
            original_url=self._original(number, outlet),
            gate=None if gate == "none" else gate,
            form=self._kind(_FORMS, number) if body in {"full", "truncated"} else "none",
        )

    def _published(self, number: int) -> date:
        return date.fromordinal(self._days[number] - self._edited(number, "date"))

    def _edited(self, number: int, what: str) -> int:
        edits = self._edits.get(number)
        return edits.get(what, 0) if edits else 0

    def _title(self, number: int) -> str:
        title = self._first_title(number)
        edition = self._edited(number, "headline")
        return f"{title.rstrip()} (Version {edition + 1})" if edition else title

    def _first_title(self, number: int) -> str:
        story = self._stories[number]
        kind = self._kind(_TITLE_KINDS, story)
        return words.title(kind, self._language(story), words.dice(f"{self.seed}/title/{story}"))

    def _slug(self, number: int) -> str:
        slug = slugify(self._first_title(number), keep_quotes=number % 2 == 0)
        zero_width = self._kind(_TITLE_KINDS, self._stories[number]) == "zero-width"
        return f"{slug}%e2%80%8b" if zero_width else slug

    def _language(self, story: int) -> str:
        own = self.outlets[self._outlet_of[story]].language or "en"
        match self._kind(_LANGUAGES, story):
            case "other":
                return "ko" if own == "en" else "en"
            case "third":
                return "ru" if story % 2 else "zh"
            case _:
                return own

    def _body(self, number: int) -> str:
        body = self._kind(_BODIES, number)
        if body not in {"full", "truncated"}:
            return "full" if self._edited(number, "body") else body
        if number in self._open:
            return "full" if self._open[number] else "truncated"
        return body

    def _summary(self, number: int) -> str | None:
        if self._kind(_SUMMARIES, number) == "missing" or self._body(number) not in {"full", "truncated"}:
            return None
        first = next(self._text(self._stories[number]))
        return cut(self._corrected(number, first), SUMMARY_WIDTH)

    def _paragraphs(self, number: int, body: str) -> list[str]:
        if body not in {"full", "truncated"}:
            return []
        paragraphs = list(self._text(self._stories[number]))
        paragraphs[0] = self._corrected(number, paragraphs[0])
        return cut_short(paragraphs) if body == "truncated" else paragraphs

    def _corrected(self, number: int, first: str) -> str:
        """Return the first paragraph, with one more sentence for every edit."""
        language = self._language(self._stories[number])
        for edition in range(self._edited(number, "body")):
            first += " " + words.sentence(language, words.dice(f"{self.seed}/edit/{number}/{edition}"))
        return first

    def _text(self, story: int) -> Iterator[str]:
        """Return the paragraphs of a story, one after the other."""
        roll = words.dice(f"{self.seed}/text/{story}")
        outlet = self.outlets[self._outlet_of[story]]
        language = self._language(story)
        day = date.fromordinal(self._days[story])
        special = self._kind(_SPECIALS, story)
        count, place, leader = 3 + next(roll) % 4, next(roll) % 3, next(roll) % 6
        opening = _dateline(outlet, language, day, next(roll))
        for position in range(count):
            if position == place and special != "none":
                yield _special(special, outlet, language, roll)
            if position == leader:
                yield opening + words.leader_paragraph(language, roll)
            else:
                yield opening + words.paragraph(language, roll)
            opening = ""
        if outlet.style == "kcna":
            yield from _closing(language, day, next(roll))

    def _images(self, number: int, outlet: Outlet) -> list[Image]:
        kind = self._kind(_IMAGES, number)
        if kind == "none":
            return []
        year_month = self._published(number).strftime("%Y/%m")
        local = f"/wp-content/uploads/sites/5/{year_month}/photo-{number}"
        match kind:
            case "lazy":
                return [Image(f"{local}-1.jpg", lazy=True), Image(f"{local}-2.jpg", lazy=True)]
            case "foreign":
                return [Image(f"http://{outlet.host}/siteFiles/photo/{number}.jpg?w=600&h=400", lazy=False)]
            case _:
                return [Image(f"{local}.jpg", lazy=False)]

    def _original(self, number: int, outlet: Outlet) -> str | None:
        if self._kind(_ORIGINALS, number) == "missing":
            return None
        return f"http://{outlet.host}/view/article/{40_000 + number}?lang={outlet.language or 'en'}&part=1"

    def _search(self, query: str, sid: int | None, start: date, end: date) -> list[str]:
        wanted = _terms(query)
        first, last = start.toordinal(), end.toordinal()
        with self._lock:
            numbers = range(len(self._ids)) if sid is None else list(self._listings[self._by_sid[sid]])
            gone = set(self._gone)
        hits = [
            number
            for number in numbers
            if number not in gone
            and first <= self._days[number] - self._edited(number, "date") <= last
            and self._matches(number, wanted)
        ]
        hits.sort(key=lambda number: (self._published(number), self._stamp(number)), reverse=True)
        return [self._ids[number] for number in hits]

    def _matches(self, number: int, wanted: Sequence[str]) -> bool:
        if not wanted:
            return True
        text = f"{fold(self._title(number))}\n{self._summary(number) or ''}".casefold()
        return all(term in text for term in wanted)


def fold(text: str) -> str:
    """Return ``text`` with every run of white space made one blank."""
    return " ".join(text.split())


def cut_short(paragraphs: Sequence[str]) -> list[str]:
    """Return what is left of a text where the rest is for subscribers: a paragraph and most of a second."""
    first, last = paragraphs[:2]
    return [first, f"{last[: len(last) * 2 // 3].rstrip(' .')}..."]


def header_date(day: date) -> str:
    """Return a day as ``23/03/2021``."""
    return f"{day.day:02}/{day.month:02}/{day.year}"


def card_date(day: date) -> str:
    """Return a day as ``March 23, 2021``."""
    return f"{words.month(day.month)} {day.day:02}, {day.year}"


def width(text: str) -> int:
    """Return how many columns ``text`` takes on a terminal: a Hangul syllable takes two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut(text: str, columns: int) -> str:
    """Return as much of ``text`` as fits into so many columns."""
    if text.isascii():
        return text[:columns].rstrip()
    used = 0
    for place, character in enumerate(islice(text, columns + 1)):
        used += width(character)
        if used > columns:
            return text[:place].rstrip()
    return text


def slugify(title: str, *, keep_quotes: bool = False) -> str:
    """Return a slug as WordPress makes it: lower case, encoded in lower-case hexadecimal, cut at 200 characters.

    Old versions kept typographic quotes, encoded; newer ones drop them.
    """
    pieces: list[str] = []
    length = 0
    for character in fold(title).lower():
        piece = _slug_piece(character, keep_quotes=keep_quotes)
        if piece == "-" and (not pieces or pieces[-1] == "-"):
            continue
        if length + len(piece) > SLUG_LENGTH:
            break
        if piece:
            pieces.append(piece)
            length += len(piece)
    return "".join(pieces).strip("-")


def _slug_piece(character: str, *, keep_quotes: bool) -> str:
    if character.isascii():
        return character if character.isalnum() else "-" if character in " -/." else ""
    if character in "“”‘’《》·，。" and not (keep_quotes and character == "’"):
        return ""
    return quote(character).lower()


def _absolute(url: str, base_url: str) -> str:
    return f"{base_url.rstrip('/')}{url}" if url.startswith("/") else url


def _dateline(outlet: Outlet, language: str, day: date, roll: int) -> str:
    """Return how the agency and the newspaper open; now and then the line is a day behind the header."""
    day -= timedelta(days=roll % 20 == 0)
    if outlet.style == "kcna" and language == "en":
        dash = "—" if day.year >= 2026 and roll % 2 else "--"
        return f"Pyongyang, {words.month(day.month)} {day.day} (KCNA) {dash} "
    if outlet.style == "kcna" and language == "ko":
        return f"(평양 {day.month}월 {day.day}일발 조선중앙통신) "
    if outlet.style == "rodong" and language == "ko":
        return words.widen(f"{day.year}년 {day.month}월 {day.day}일, ")
    return ""


def _closing(language: str, day: date, roll: int) -> Iterator[str]:
    if language == "en" and roll % 4:
        yield "-0-"
    if roll % 3 == 0:
        yield f"www.kcna.kp (Juche{day.year - 1911}.{day.month}.{day.day}.)"
    elif roll % 3 == 1:
        yield f"www.kcna.kp ({day.year}.{day.month:02}.{day.day:02}.)"


def _special(kind: str, outlet: Outlet, language: str, roll: Iterator[int]) -> str:
    """Return a paragraph that belongs to the text, though it looks like a date, a header or the site's own."""
    match kind:
        case "month":
            return words.anniversary(language, roll)
        case "paper":
            return "Rodong Sinmun"
        case "header":
            return "Date: 05/06/2007 | Source: KCNA.kp (En) | Read original version at source"
        case "day":
            return "July 04, 2025"
        case _:
            return f"More From {outlet.label}"


def _terms(query: str) -> list[str]:
    """Return what a hit must contain: phrases in quotes, and the words outside them."""
    terms: list[str] = []
    for place, part in enumerate(query.casefold().split('"')):
        terms += [fold(part)] if place % 2 else part.split()
    return [term for term in terms if term]
