"""Identity out of every form an address was seen in, and every address the crawler asks for."""

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kcnacrawl.site.urls import (
    PAGE_SIZE,
    ArticleAddress,
    Site,
    absolute,
    clean_slug,
    identify,
    is_identity,
    is_sign_up,
    letters,
    slug_words,
    unix_time,
)

SITE = Site("https://kcnawatch.org")
REPLICA = Site("http://127.0.0.1:8123")
ID = "1616497394-946528541"
BASE = f"https://kcnawatch.org/newstream/{ID}"

IDS = st.from_regex(r"[0-9]{10}-[0-9]{7,9}", fullmatch=True)
SLUGS = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,5}", fullmatch=True)
DECORATION = st.sampled_from(["", "/", "//", "/%20", "/%3C/a%3E", "/Lee", "?t=1629129194902", "/?t=1", "#top", "%20"])


# An article's identity


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        (f"{BASE}/verbal-message", "verbal-message"),
        (f"{BASE}/verbal-message/", "verbal-message"),
        (f"{BASE}/verbal-message//", "verbal-message"),
        (f"{BASE}//verbal-message", "verbal-message"),
        (f"{BASE}/verbal-message/?t=1629129194902", "verbal-message"),
        (f"{BASE}/verbal-message?t=1629129194902", "verbal-message"),
        (f"{BASE}/verbal-message#comments", "verbal-message"),
        (f"{BASE}/verbal-message/%20", "verbal-message"),
        (f"{BASE}/verbal-message%20", "verbal-message"),
        (f"{BASE}/verbal-message ", "verbal-message"),
        (f"{BASE}/verbal-message/%3C/a%3E", "verbal-message"),
        (f"{BASE}/verbal-mess/Lee", "verbal-mess"),
        (f"{BASE}/verbal-message/amp/", "verbal-message"),
        (f"{BASE}/korea%e2%80%99s", "korea%e2%80%99s"),
        (f"{BASE}/korea%E2%80%99s", "korea%E2%80%99s"),
        (f"{BASE}/korea’s", "korea%E2%80%99s"),
        (f"{BASE}/%25EA%25B5%25AD", "%EA%B5%AD"),
        (f"{BASE}/%EA%B5%AD", "%EA%B5%AD"),
        (f"{BASE}/국", "%EA%B5%AD"),
        (f"{BASE}/message\u200b", "message%E2%80%8B"),
        (f"{BASE}/message%E2%80%8B", "message%E2%80%8B"),
        (BASE, ""),
        (f"{BASE}/", ""),
        (f"{BASE}?t=1", ""),
        (f"{BASE}/?t=1", ""),
        (f"{BASE}#x", ""),
    ],
)
def test_identity_and_slug_of_every_form_seen_in_the_wild(url: str, slug: str) -> None:
    assert SITE.identify(url) == ArticleAddress(ID, slug)


@pytest.mark.parametrize(
    "host",
    [
        "kcnawatch.org",
        "kcnawatch.co",
        "kcnawatch.xyz",
        "kcnawatch.app",
        "www.kcnawatch.org",
        "www.kcnawatch.co",
        "KCNAWatch.ORG",
        "kcnawatch.org:443",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS"])
def test_identity_on_every_host_the_site_has_had(scheme: str, host: str) -> None:
    assert SITE.identify(f"{scheme}://{host}/newstream/{ID}/slug") == ArticleAddress(ID, "slug")


def test_the_real_sites_addresses_are_known_to_a_replica_too() -> None:
    assert REPLICA.identify(f"{BASE}/slug") == ArticleAddress(ID, "slug")
    assert REPLICA.identify(f"http://127.0.0.1:8123/newstream/{ID}/slug") == ArticleAddress(ID, "slug")


def test_a_relative_address_names_its_article() -> None:
    assert identify(f"/newstream/{ID}/slug") == ArticleAddress(ID, "slug")


@pytest.mark.parametrize(("digits", "known"), [(5, False), (6, False), (7, True), (8, True), (9, True), (10, False)])
def test_second_parts_of_seven_to_nine_digits_are_identities(digits: int, known: bool) -> None:
    assert (identify(f"/newstream/1616497394-{'1234567890'[:digits]}/x") is not None) == known


@pytest.mark.parametrize(
    "url",
    [
        f"https://example.org/newstream/{ID}/slug",
        f"https://kcnawatch.proxy.example/newstream/{ID}/slug",
        f"https://kcnawatch.org.example.org/newstream/{ID}/slug",
        f"https://notkcnawatch.org/newstream/{ID}/slug",
        f"https://kcnawatch.org@example.org/newstream/{ID}/slug",
        f"https://example.org/?to=https://kcnawatch.org/newstream/{ID}/slug",
        f"https://example.org/https://kcnawatch.org/newstream/{ID}/slug",
        f"ftp://kcnawatch.org/newstream/{ID}/slug",
        f"javascript:'//kcnawatch.org/newstream/{ID}/slug'",
    ],
)
def test_a_foreign_host_has_no_article_of_ours(url: str) -> None:
    assert SITE.identify(url) is None


@pytest.mark.parametrize(
    "path",
    [
        "/newstream/1616497394-946528/six-digits",
        "/newstream/1616497394-9465285411/ten-digits",
        "/newstream/161649739-946528541/nine-digits",
        "/newstream/16164973940-946528541/eleven-digits",
        f"/newstream/{ID}x/slug",
        f"/newstream/x{ID}/slug",
        f"/newstreams/{ID}/slug",
        f"/oldnewstream/{ID}/slug",
        f"/article/{ID}/",
        f"/{ID}/slug",
        f"/?p=/newstream/{ID}/slug",
        f"/#/newstream/{ID}/slug",
        "/newstream/feed/",
        "/newstream/１６１６４９７３９４-946528541/slug",
        "/newstream/1616497394–946528541/slug",
        "/article/163/",
        "/",
        "",
    ],
)
def test_a_path_that_only_looks_like_an_article_is_none(path: str) -> None:
    assert SITE.identify(f"https://kcnawatch.org{path}") is None


def test_a_slug_beyond_any_the_site_makes_is_left_out() -> None:
    assert SITE.identify(f"{BASE}/{'a' * 200}") == ArticleAddress(ID, "a" * 200)
    assert SITE.identify(f"{BASE}/{'a' * 5000}") == ArticleAddress(ID)


def test_slugs_that_a_client_would_resolve_as_a_folder_are_left_out() -> None:
    assert (clean_slug("."), clean_slug("..")) == ("", "")


def test_is_identity_takes_the_identity_alone() -> None:
    assert is_identity(ID)
    assert not any(map(is_identity, [f"{ID}\n", f" {ID}", f"/{ID}", "1616497394-946528", "", "１616497394-946528541"]))


def test_unix_time_is_the_identitys_first_number() -> None:
    assert unix_time(ID) == 1616497394


@given(IDS, SLUGS, DECORATION)
def test_decoration_never_changes_the_identity(article_id: str, slug: str, decoration: str) -> None:
    assert SITE.identify(f"https://kcnawatch.org/newstream/{article_id}/{slug}{decoration}") == ArticleAddress(
        article_id, slug
    )


@given(IDS, st.text(max_size=30))
def test_a_canonical_address_reads_back_as_itself(article_id: str, raw: str) -> None:
    address = ArticleAddress(article_id, clean_slug(raw))
    assert SITE.identify(SITE.article(address)) == address


@given(st.one_of(st.text(), st.text(st.characters(codec=None, categories=["Cs", "Cc", "Nd", "Po"]))))
@example("http://[")
@example("//[/newstream/")
@example("http://kcnawatch.org:port/newstream/1616497394-946528541")
def test_any_text_is_an_article_or_none(text: str) -> None:
    for found in (identify(text), SITE.identify(text), identify(f"{BASE}/{text}")):
        assert found is None or is_identity(found.id)
    assert SITE.identify_listing(text) is None or SITE.owns(text)
    assert SITE.owns(text) in {True, False}
    assert SITE.serves(text) in {True, False}
    assert isinstance(slug_words(text), str)


# Slugs


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ("plain-slug", "plain-slug"),
        ("a b", "a%20b"),
        ("%20a%20", "a"),
        ("a/b?c#d", "a-b%3Fc%23d"),
        ("%25EA%25B5%25AD", "%EA%B5%AD"),
        ("100%25", "100%25"),
        ("tab\there", "tab-here"),
    ],
)
def test_a_slug_is_encoded_once(raw: str, slug: str) -> None:
    assert clean_slug(raw) == slug


@given(st.text(alphabet=st.one_of(st.sampled_from("%250AaEF /?#.\t\u200b국"), st.characters()), max_size=40))
@example("%252541")
@example("%20%2520")
def test_cleaning_a_slug_twice_is_cleaning_it_once(raw: str) -> None:
    assert clean_slug(clean_slug(raw)) == clean_slug(raw)


@given(st.text())
def test_a_clean_slug_has_nothing_that_ends_a_path_segment(raw: str) -> None:
    slug = clean_slug(raw)
    assert not set(slug) & set("/?#")
    assert slug.isascii()
    assert not any(char.isspace() or unicodedata.category(char) == "Cc" for char in slug)


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        ("a%2Fb", "a-b"),
        ("a%2fb", "a-b"),
        ("a%5Cb", "a-b"),
        ("a\\b", "a-b"),
        ("a%252Fb", "a-b"),
        ("a%25252Fb", "a-b"),
        ("a%25%32%46b", "a-b"),
        ("a%2%35%32Fb", "a-b"),
        ("a%C0%AFb", "a-%AFb"),
        ("a%00b%0Ac%0d%1Fd%7F", "a-b-c--d-"),
        ("a%250Ab", "a-b"),
        ("a%C2%85b", "a-b"),
        ("a\x85b\x9f", "a-b-"),
        ("..%2F..%2Fetc", "..-..-etc"),
        ("%2e%2E", ""),
        ("%252e", ""),
        ("....", ""),
        ("%20..%20", ""),
        ("a\ud800b", "a%3Fb"),
        ("a\u202eb", "a%E2%80%AEb"),
    ],
)
def test_a_slug_hides_no_separator_and_no_control_however_it_is_encoded(raw: str, slug: str) -> None:
    assert clean_slug(raw) == slug


@given(st.lists(st.sampled_from("% 2 5 0 A F f C c 2F 5C 2e 25 %25 %2F %5c %0A .. / \\ a".split()), max_size=30))
def test_a_slug_decoded_again_and_again_is_never_a_path(pieces: list[str]) -> None:
    slug = clean_slug("".join(pieces))
    for _ in range(30):
        assert slug not in {".", ".."}
        assert not any(char in "/\\" or unicodedata.category(char) == "Cc" for char in slug)
        slug = unquote(slug)


HOSTILE = {
    "a megabyte of slug": f"{BASE}/{'x' * 1_000_000}",
    "a megabyte of spaces": f"{BASE}/{'%20' * 300_000}x",
    "a megabyte encoded again": f"{BASE}/%{'25' * 500_000}2F",
    "a megabyte of slashes": BASE + "/" * 1_000_000,
    "a megabyte of identities": f"https://kcnawatch.org{'/newstream/1616497394-94652854' * 30_000}",
    "half a surrogate pair": f"{BASE}/\ud800\udfff",
    "a NUL": f"{BASE}/a\x00b",
    "no host": f"https://[::1/newstream/{ID}/x",
    "a host that is no number": f"https://[kcnawatch.org]/newstream/{ID}/x",
    "a port that is none": f"https://kcnawatch.org:port/newstream/{ID}/x",
    "a host in another script": f"https://kcnawatch。org℀/newstream/{ID}/x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_address_is_too_hostile_to_be_looked_at(name: str) -> None:
    url = HOSTILE[name]
    for found in (identify(url), SITE.identify(url)):
        assert found is None or (is_identity(found.id) and len(found.slug) <= 1000 and found.slug.isascii())
    assert SITE.identify_listing(url) is None
    assert not is_sign_up(url)
    assert SITE.is_same_page(url, url) in {True, False}
    assert slug_words(url).isalnum() or slug_words(url) == ""


@pytest.mark.parametrize("digits", ["１６１６４９７３９４-９４６５２８５４１", "١٦١٦٤٩٧٣٩٤-٩٤٦٥٢٨٥٤١"])
def test_the_digits_of_other_scripts_make_no_identity(digits: str) -> None:
    assert identify(f"https://kcnawatch.org/newstream/{digits}/x") is None
    assert not is_identity(digits)
    assert SITE.identify_listing("https://kcnawatch.org/article/١٦٣/") is None


def test_an_identity_with_a_line_break_is_none() -> None:
    assert not is_identity(f"{ID}\n")


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("/a\nb", "https://kcnawatch.org/ab"),
        ("http://kcna\twatch.org/x", "http://kcnawatch.org/x"),
        ("/a\x00b\x7f", "https://kcnawatch.org/a%00b%7F"),
        ("/\u202egpj.exe", "https://kcnawatch.org/%E2%80%AEgpj.exe"),
        ("/\ud800", "https://kcnawatch.org/%3F"),
        ("/a\u2028b", "https://kcnawatch.org/a%E2%80%A8b"),
        ("/국", "https://kcnawatch.org/국"),
        ("//evil.example/x", "https://evil.example/x"),
        ("/" + "x" * 9000, None),
        ("http://[", None),
        ("java\nscript:alert(1)", None),
        ("\n#top", None),
        (None, None),
    ],
)
def test_where_a_link_leads_is_one_line_of_text(href: str | None, url: str | None) -> None:
    assert absolute("https://kcnawatch.org/article/163/", href) == url


def test_words_of_a_slug_compare_with_a_headlines() -> None:
    assert slug_words(f"{BASE}/korea%E2%80%99s-new-year") == letters("Korea’s New Year!") == "koreasnewyear"
    assert slug_words(f"{BASE}/%EA%B5%AD%EA%B0%80") == letters("국가")
    assert slug_words(f"{BASE}/%FF%EA") == slug_words("/article/163/") == ""


def test_a_megabyte_of_accents_is_compared_by_its_beginning() -> None:
    assert letters("e" + "\u0301\u0316" * 500_000 + "z") == "e"


def test_letters_are_lower_case_and_without_accents() -> None:
    assert letters("Ünï–Çödé １２") == "unicode12"


# Addresses to ask for


def test_the_addresses_of_the_site() -> None:
    assert SITE.home == "https://kcnawatch.org/"
    assert SITE.listing(163) == "https://kcnawatch.org/article/163/"
    assert SITE.article(ArticleAddress(ID, "slug")) == f"{BASE}/slug"
    assert SITE.article(ArticleAddress(ID)) == BASE


def test_more_articles_is_asked_for_as_the_button_does() -> None:
    assert SITE.ajax(189661, 74010) == (
        "https://kcnawatch.org/wp-admin/admin-ajax.php"
        "?action=get_cat_by_source&die=true&from=74010&to=10&sort=&id=189661"
    )
    assert PAGE_SIZE == 10


@pytest.mark.parametrize(
    ("query", "ajax_id"),
    [
        ("action=get_cat_by_source&die=true&from=10&to=10&sort=&id=189661", 189661),
        ("id=189661&action=get_cat_by_source", 189661),
        ("action=heartbeat&interval=120&id=731904", None),
        ("action=get_cat_by_source&from=10", None),
        ("action=get_cat_by_source&id=", None),
        ("action=get_cat_by_source&id=１８９", None),
        ("action=get_cat_by_source&id=189661x", None),
        ("", None),
    ],
)
def test_a_request_for_more_articles_tells_its_id(query: str, ajax_id: int | None) -> None:
    assert SITE.identify_ajax(f"https://kcnawatch.org/wp-admin/admin-ajax.php?{query}") == ajax_id
    assert SITE.identify_ajax(f"https://example.org/wp-admin/admin-ajax.php?{query}") is None
    assert SITE.identify_ajax(f"https://kcnawatch.org/wp-admin/?{query}") is None


def test_the_id_of_an_address_of_ours_is_read_back() -> None:
    assert SITE.identify_ajax(SITE.ajax(190036, 20)) == 190036


def test_a_site_may_be_a_mirror_with_a_port_and_a_trailing_slash() -> None:
    assert Site("http://127.0.0.1:8123/") == REPLICA
    assert REPLICA.listing(7) == "http://127.0.0.1:8123/article/7/"


@pytest.mark.parametrize("url", ["", "kcnawatch.org", "ftp://kcnawatch.org", "https://", "https://x/?q", "http://["])
def test_what_is_no_address_of_a_site_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Site(url)


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.text().map("https://kcnawatch.org{}".format)))
def test_any_text_is_a_site_or_a_value_error(text: str) -> None:
    try:
        site = Site(text)
    except ValueError:
        return
    assert site.host
    assert not site.url.endswith("/")
    assert site.serves(text) in {True, False}


def test_a_mirror_is_not_the_real_site() -> None:
    assert SITE.is_real
    assert Site("https://www.kcnawatch.co").is_real
    assert not REPLICA.is_real


# Listings


@pytest.mark.parametrize(
    ("url", "sid"),
    [
        ("https://kcnawatch.org/article/163/", 163),
        ("https://kcnawatch.org/article/163", 163),
        ("http://www.kcnawatch.co/article/163//?x=1#y", 163),
        ("https://kcnawatch.org/article/163/feed/", None),
        ("https://kcnawatch.org/article/", None),
        ("https://kcnawatch.org/article/abc/", None),
        ("https://kcnawatch.org/x/article/163/", None),
        ("https://kcnawatch.org/article/１６３/", None),
        ("https://example.org/article/163/", None),
        ("/article/163/", None),
        ("http://[/article/163/", None),
    ],
)
def test_the_sid_of_a_listings_address(url: str, sid: int | None) -> None:
    assert SITE.identify_listing(url) == sid


@given(st.integers(0, 999_999_999))
def test_a_listing_address_reads_back_as_its_sid(sid: int) -> None:
    assert SITE.identify_listing(SITE.listing(sid)) == sid


# Whose address it is


@pytest.mark.parametrize(
    ("url", "owned", "served"),
    [
        ("https://kcnawatch.org/", True, True),
        ("http://www.kcnawatch.app/x", True, True),
        ("https://example.org/", False, False),
        ("http://127.0.0.1:8123/", False, False),
        ("//kcnawatch.org/", False, False),
        ("mailto:editor@kcnawatch.org", False, False),
        ("http://[", False, False),
    ],
)
def test_the_real_site_owns_and_serves_all_of_its_names(url: str, owned: bool, served: bool) -> None:
    assert (SITE.owns(url), SITE.serves(url)) == (owned, served)


@pytest.mark.parametrize(
    ("url", "owned", "served"),
    [
        ("HTTPS://WWW.KCNAWatch.ORG/", True, True),
        ("https://kcnawatch.org#@evil.example/", True, True),
        ("https://kcnawatch.org:443/", True, True),
        ("https://kcnawatch.org:8080/", True, False),
        ("https://kcnawatch.org:99999/", False, False),
        ("https://kcnawatch.org:port/", False, False),
        ("https://kcnawatch.org@evil.example/", False, False),
        ("https://user:word@kcnawatch.org/", False, False),
        ("https://evil.example\\@kcnawatch.org/", False, False),
        ("https://evil.example;@kcnawatch.org/", False, False),
        ("https://evil.example\\.kcnawatch.org/", False, False),
        ("https://kcnawatch.org\\@evil.example/", False, False),
        ("https://kcnawatch.org./", False, False),
        ("https://kcnawatch.org%2eevil.example/", False, False),
        ("https://ｋcnawatch.org/", False, False),
        ("https://kcnawatch。org/", False, False),
        ("https://kcnа.watch.org/", False, False),
        ("https://xn--kcnwatch-qkh.org/", False, False),
        ("https://kcna\nwatch.org/", False, False),
        ("\x01https://kcnawatch.org/", False, False),
        ("https://[kcnawatch.org]/", False, False),
        ("https:///kcnawatch.org/", False, False),
        ("https:kcnawatch.org", False, False),
        ("//evil.example/https://kcnawatch.org/", False, False),
        ("http://\ud800kcnawatch.org/", False, False),
    ],
)
def test_no_trick_makes_another_host_the_sites(url: str, owned: bool, served: bool) -> None:
    assert (SITE.owns(url), SITE.serves(url)) == (owned, served)


def test_a_site_in_a_container_or_on_a_bare_ipv6_address_serves_itself() -> None:
    assert Site("http://replica_site:8000").serves("http://replica_site:8000/x")
    assert Site("http://[::1]:8000").serves("http://[::1]:8000/x")


@pytest.mark.parametrize(
    ("url", "served"),
    [
        ("http://127.0.0.1:8123/article/163/", True),
        ("http://127.0.0.1:8124/article/163/", False),
        ("http://127.0.0.1/", False),
        ("http://127.0.0.1:port/", False),
        ("https://kcnawatch.org/article/163/", False),
    ],
)
def test_a_replica_serves_nothing_but_its_own_port(url: str, served: bool) -> None:
    assert REPLICA.serves(url) == served


@pytest.mark.parametrize(
    ("url", "walled"),
    [
        ("https://kcnawatch.org/free-member-form/?redirect=%2Fnewstream%2F1", True),
        ("https://kcnawatch.org/free-member-form", True),
        ("https://kcnawatch.org/?next=/free-member-form/", False),
        (f"{BASE}/free-member-form", False),
    ],
)
def test_the_sign_up_form_is_known_by_its_path(url: str, walled: bool) -> None:
    assert is_sign_up(url) == walled
