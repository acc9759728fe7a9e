"""The site's URL grammar: read an identity out of any wild form, build every address.

``<10 digits>-<7 to 9 digits>`` is an article's identity; slug, slash, query, fragment and host are decoration
(site document, sections 1 and 5). The ten digits are the Unix time of ingestion.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

PAGE_SIZE = 10
"""Cards a page of the AJAX endpoint holds: the only size ever seen there."""

# The same paths were served by all of these; a third-party proxy copies the site, hence a list.
KNOWN_HOSTS = frozenset({"kcnawatch.org", "kcnawatch.co", "kcnawatch.xyz", "kcnawatch.app"})

_IDENTITY = re.compile(r"[0-9]{10}-[0-9]{7,9}")
_ARTICLE_PATH = re.compile(r"/newstream/([0-9]{10}-[0-9]{7,9})(?=/|\Z)(?:/+([^/]*))?")
_LISTING_PATH = re.compile(r"/article/([0-9]{1,9})/*")
_ENCODED_AGAIN = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")
_OUTER_SPACE = re.compile(r"\A(?:%20)+|(?:%20)+\Z")
# WordPress cuts slugs at 200 characters; what is far beyond is no slug, and the site goes by the identity alone.
_SLUG_LIMIT = 1000


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
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"not the address of a site: {self.url!r}")
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
        """An article's canonical address: no trailing slash, no query."""
        return f"{self.url}/newstream/{address.id}" + (f"/{address.slug}" if address.slug else "")

    def listing(self, sid: int) -> str:
        """A source's listing page."""
        return f"{self.url}/article/{sid}/"

    def ajax(self, ajax_id: int, offset: int) -> str:
        """The page of ten cards that *More Articles* asks for; ``offset`` is zero-based and counts cards."""
        query = {
            "action": "get_cat_by_source",
            "die": "true",
            "from": offset,
            "to": PAGE_SIZE,
            "sort": "",
            "id": ajax_id,
        }
        return f"{self.url}/wp-admin/admin-ajax.php?{urlencode(query)}"

    def owns(self, url: str) -> bool:
        """Whether an absolute address is this site's, under any of the names it has had."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and (host == self.host or _bare_host(host) in KNOWN_HOSTS)

    def serves(self, url: str) -> bool:
        """Whether a request for ``url`` stays on this site: same host and port; the real site's names are one."""
        try:
            parts, own = urlsplit(url), urlsplit(self.url)
            same = (parts.hostname, parts.port) == (own.hostname, own.port)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and (same or (self.is_real and self.owns(url)))

    def identify(self, url: str) -> ArticleAddress | None:
        """The article an address of this site points to, in any form seen in the wild; else ``None``."""
        return identify(url) if self.owns(url) else None

    def is_same_page(self, one: str, other: str) -> bool:
        """Whether two addresses lead to one page: the same article, or the same path but for a slash at its end."""
        first, second = self.identify(one), self.identify(other)
        if first is not None or second is not None:
            return first is not None and second is not None and first.id == second.id
        return urlsplit(one).path.rstrip("/") == urlsplit(other).path.rstrip("/")

    def identify_listing(self, url: str) -> int | None:
        """The sid of the listing an address of this site points to; else ``None``."""
        found = _LISTING_PATH.fullmatch(urlsplit(url).path) if self.owns(url) else None
        return int(found[1]) if found else None


def identify(url: str) -> ArticleAddress | None:
    """The article that the path of ``url`` names, whatever its host; ``None`` if it names none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    found = _ARTICLE_PATH.search(path)
    return ArticleAddress(found[1], clean_slug(found[2] or "")) if found else None


def absolute(base: str, href: str | None) -> str | None:
    """Where a link on the page ``base`` leads; ``None`` if that is nowhere on the web."""
    if not href or not (href := href.strip()) or href.startswith("#"):
        return None
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def is_identity(text: str) -> bool:
    """Whether ``text`` is an article's identity and nothing else."""
    return _IDENTITY.fullmatch(text) is not None


def unix_time(article_id: str) -> int:
    """Unix seconds of the article's ingestion, as its identity tells."""
    return int(article_id[:10])


def clean_slug(raw: str) -> str:
    """A slug as it may stand in a canonical address: encoded once, no white space around it."""
    slug = _ENCODED_AGAIN.sub("%", raw)
    slug = quote(slug, safe="%!$&'()*+,;=:@-._~", errors="replace")
    slug = _OUTER_SPACE.sub("", slug)
    return "" if len(slug) > _SLUG_LIMIT or slug in {".", ".."} else slug


def slug_words(url: str) -> str:
    """The letters and digits of an article address's slug, decoded, for comparison with a headline."""
    address = identify(url)
    return letters(unquote(address.slug, errors="ignore")) if address else ""


def letters(text: str) -> str:
    """``text`` without anything but its letters and digits, in lower case and without accents."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text).casefold()))


def is_sign_up(url: str) -> bool:
    """Whether an address is the sign-up form that gated pages redirect to."""
    return urlsplit(url).path.startswith("/free-member-form")


def _bare_host(host: str) -> str:
    return host.removeprefix("www.")
