"""The site's URL grammar: read an identity out of any wild form, build every address.

``<10 digits>-<7 to 9 digits>`` is an article's identity; slug, slash, query, fragment and host are decoration
(site document, sections 1 and 5). The ten digits are the Unix time of ingestion.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from urllib.parse import parse_qs, quote, unquote, urlencode, urljoin, urlsplit

PAGE_SIZE = 10
"""Cards a page of the AJAX endpoint holds: the only size ever seen there."""

# The same paths were served by all of these; a third-party proxy copies the site, hence a list.
KNOWN_HOSTS = frozenset({"kcnawatch.org", "kcnawatch.co", "kcnawatch.xyz", "kcnawatch.app"})

_IDENTITY = re.compile(r"[0-9]{10}-[0-9]{7,9}")
_ARTICLE_PATH = re.compile(r"/newstream/([0-9]{10}-[0-9]{7,9})(?=/|\Z)(?:/+([^/]*))?")
_LISTING_PATH = re.compile(r"/article/([0-9]{1,9})/*")
_AJAX_PATH = "/wp-admin/admin-ajax.php"
_AJAX_ACTION = "get_cat_by_source"
_AJAX_ID = re.compile(r"[0-9]{1,9}")
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENCODED_AGAIN = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")
_ENCODED_PLAIN = re.compile(r"%(2[DEde]|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff]|7[Ee])")
# Separators and controls, also in the longer forms that careless readers of UTF-8 take for them.
_NO_SLUG = re.compile(r"%(?:2F|5C|[01][0-9A-F]|7F|C0|C1|C2%[89][0-9A-F])", re.IGNORECASE)
_OUTER_SPACE = re.compile(r"\A(?:%20)+|(?:%20)+\Z")
# What a browser drops from an address, and what no address may hold as it is.
_DROPPED = re.compile(r"[\t\n\r]")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Longer than any server takes.
_ADDRESS_LIMIT = 8000
# WordPress cuts slugs at 200 characters; what is far beyond is no slug, and the site goes by the identity alone.
_SLUG_LIMIT = 1000

# Several readers look at a page's own address, and at the links of each of its cards.
_LOOKED_AT_AGAIN = 1000


@dataclass(frozen=True, slots=True)
class ArticleAddress:
    """An article's identity and its decoration."""

    id: str
    slug: str = ""


@dataclass(frozen=True)
class Site:
    """Where the site stands: ``https://kcnawatch.org``, or a mirror or replica of it."""

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if _authority(self.url) is None or parts.query or parts.fragment:
            raise ValueError("not the address of a site")
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @cached_property
    def host(self) -> str:
        """The host name, lower case, without port."""
        return urlsplit(self.url).hostname or ""

    @property
    def home(self) -> str:
        """The home page, which links to every source."""
        return f"{self.url}/"

    @property
    def is_real(self) -> bool:
        """Whether this is the real site, and not a mirror or replica."""
        return _bare_host(self.host) in KNOWN_HOSTS

    def article(self, address: ArticleAddress) -> str:
        """Return an article's canonical address: no trailing slash, no query."""
        return f"{self.url}/newstream/{address.id}" + (f"/{address.slug}" if address.slug else "")

    def listing(self, sid: int) -> str:
        """Return the address of a source's listing page."""
        return f"{self.url}/article/{sid}/"

    def ajax(self, ajax_id: int, offset: int) -> str:
        """Return the address of ten cards of *More Articles*; ``offset`` is zero-based and counts cards."""
        query = {
            "action": _AJAX_ACTION,
            "die": "true",
            "from": offset,
            "to": PAGE_SIZE,
            "sort": "",
            "id": ajax_id,
        }
        return f"{self.url}{_AJAX_PATH}?{urlencode(query)}"

    def search(self, query: str, ajax_id: int | None, first: date, last: date) -> str:
        """Return the address of the first page of what the search finds from ``first`` to ``last``; in all sources, if
        ``ajax_id`` is ``None``.
        """
        form = {
            "s": query,
            "source": "" if ajax_id is None else ajax_id,
            "start": f"{first:%d-%m-%Y}",
            "end": f"{last:%d-%m-%Y}",
            "sort": "recent",
        }
        return f"{self.home}?{urlencode(form)}"

    @property
    def sitemap(self) -> str:
        """The index of the sitemaps, where robots.txt names no other."""
        return f"{self.url}/sitemap_index.xml"

    def owns(self, url: str) -> bool:
        """Return True if an absolute address is this site's, under any of the names it has had."""
        authority = _authority(url)
        return authority is not None and (authority[0] == self.host or _bare_host(authority[0]) in KNOWN_HOSTS)

    def serves(self, url: str) -> bool:
        """Return True if a request for ``url`` stays on this site: same host and port, or one of the site's names."""
        if (authority := _authority(url)) is None:
            return False
        _, port = authority
        return authority == _authority(self.url) or (self.is_real and self.owns(url) and port in {None, 80, 443})

    def identify(self, url: str) -> ArticleAddress | None:
        """Return the article an address of this site points to, in any form seen in the wild; else ``None``."""
        return identify(url) if self.owns(url) else None

    def is_same_page(self, one: str, other: str) -> bool:
        """Return True if two addresses lead to one page: the same article, or the same path but for a last slash."""
        first, second = self.identify(one), self.identify(other)
        if first is not None or second is not None:
            return first is not None and second is not None and first.id == second.id
        return _path(one).rstrip("/") == _path(other).rstrip("/")

    def is_search(self, url: str) -> bool:
        """Return True if an address is one of this site's search."""
        return self.owns(url) and _path(url) in {"", "/"} and "s" in parse_qs(urlsplit(url).query)

    def identify_listing(self, url: str) -> int | None:
        """Return the sid of the listing an address of this site points to; else ``None``."""
        found = _LISTING_PATH.fullmatch(_path(url)) if self.owns(url) else None
        return int(found[1]) if found else None

    def is_ajax(self, url: str) -> bool:
        """Return True if an address is the one that this site's pages ask for more."""
        return self.owns(url) and _path(url) == _AJAX_PATH

    def identify_ajax(self, url: str) -> int | None:
        """Return the ajax id that a request for *More Articles* to this site sends; else ``None``."""
        if not self.is_ajax(url):
            return None
        query = parse_qs(urlsplit(url).query)
        number = query.get("id", [""])[-1]
        return int(number) if _AJAX_ACTION in query.get("action", []) and _AJAX_ID.fullmatch(number) else None


@lru_cache(_LOOKED_AT_AGAIN)
def identify(url: str) -> ArticleAddress | None:
    """Return the article that the path of ``url`` names, whatever its host; ``None`` if it names none."""
    found = _ARTICLE_PATH.search(_path(url))
    return ArticleAddress(found[1], clean_slug(found[2] or "")) if found else None


@lru_cache(_LOOKED_AT_AGAIN)
def absolute(base: str, href: str | None) -> str | None:
    """Return where a link on the page ``base`` leads, as one line of text; ``None`` if that is nowhere on the web."""
    if not href or len(href) > _ADDRESS_LIMIT or not (href := _DROPPED.sub("", href.strip())) or href.startswith("#"):
        return None
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
    except ValueError:
        return None
    on_the_web = parts.scheme in {"http", "https"} and parts.netloc
    return _UNWRITABLE.sub(lambda found: quote(found[0], errors="replace"), url) if on_the_web else None


def is_identity(text: str) -> bool:
    """Return True if ``text`` is an article's identity and nothing else."""
    return _IDENTITY.fullmatch(text) is not None


def unix_time(article_id: str) -> int:
    """Return the Unix seconds of the article's ingestion, as its identity tells."""
    return int(article_id[:10])


def clean_slug(raw: str) -> str:
    """Return a slug as it may stand in a canonical address: encoded once, no white space around it. However often it is
    decoded, it holds no separator and no control: a hyphen stands in for them.
    """
    if len(raw) > _SLUG_LIMIT:
        return ""
    slug = quote(raw, safe="%!$&'()*+,;=:@-._~", errors="replace")
    while (once := _encoded_once(slug)) != slug:
        slug = once
    slug = _OUTER_SPACE.sub("", _NO_SLUG.sub("-", slug))
    return "" if len(slug) > _SLUG_LIMIT or not slug.strip(".") else slug


def _encoded_once(slug: str) -> str:
    return _ENCODED_AGAIN.sub("%", _ENCODED_PLAIN.sub(lambda found: chr(int(found[1], 16)), slug))


def slug_words(url: str) -> str:
    """Return the letters and digits of an article address's slug, decoded, for comparison with a headline."""
    address = identify(url)
    return letters(unquote(address.slug, errors="ignore")) if address else ""


def letters(text: str) -> str:
    """Return the letters and digits of at most the first 1,000 characters of ``text``, in lower case and without
    accents.
    """
    # The time of a normalisation grows with the square of a run of accents.
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text[:_SLUG_LIMIT]).casefold()))


def is_sign_up(url: str) -> bool:
    """Return True if an address is the sign-up form that gated pages redirect to."""
    return _path(url).startswith("/free-member-form")


def _path(url: str) -> str:
    """Return the path of an address; of what is none, nothing."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


@lru_cache(_LOOKED_AT_AGAIN)
def _authority(url: str) -> tuple[str, int | None] | None:
    """Return the host, in lower case, and port of an address on the web; ``None`` for one that programs may read in
    different ways: with a user's name, a backslash, a control, or what is no host or port.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    plain = parts.scheme in {"http", "https"} and _AUTHORITY.fullmatch(parts.netloc) and not _CONTROL.search(url)
    return (host, port) if plain else None


def _bare_host(host: str) -> str:
    return host.removeprefix("www.")


def encoded(url: str) -> str:
    """Return an address as it is sent: what may not stand in one is percent-encoded, what is encoded stays."""
    return quote(_STRAY_PERCENT.sub("%25", url), safe="%/:?#[]@!$&'()*+,;=~")
