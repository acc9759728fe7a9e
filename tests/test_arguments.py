"""Spider arguments, typed once: every form of the contract, and messages that name argument and value."""

import re
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scrapy.settings import Settings

from kcnacrawl.arguments import (
    ArgumentError,
    Arguments,
    ArticleArguments,
    SearchArguments,
    SourceArguments,
    SourceRef,
    as_path,
)
from kcnacrawl.cli.archive_command import new_file
from kcnacrawl.config import Config
from kcnacrawl.paging.window import Window
from kcnacrawl.site.urls import ArticleAddress, Site

SITE = Site("https://kcnawatch.org")
ID = "1616497394-946528541"
OTHER = "1752190001-161803399"
ARTICLE = SourceRef(article=ArticleAddress(ID, "slug"))


def read_sources(text: str) -> tuple[SourceRef, ...]:
    return SourceArguments.read({"source": text}, SITE).source


def read_urls(text: str) -> tuple[ArticleAddress, ...]:
    return ArticleArguments.read({"url": text}, SITE).addresses


def read_file(path: Path, content: str | bytes) -> tuple[ArticleAddress, ...]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ArticleArguments.read({"file": str(path)}, SITE).addresses


# source


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("163", SourceRef(sid=163)),
        (" 163 ", SourceRef(sid=163)),
        ("ajax:189661", SourceRef(ajax_id=189661)),
        ("https://kcnawatch.org/article/163/", SourceRef(sid=163)),
        ("http://www.kcnawatch.co/article/163", SourceRef(sid=163)),
        ("/article/163/", SourceRef(sid=163)),
        (f"https://kcnawatch.org/newstream/{ID}/slug", ARTICLE),
        (f"https://kcnawatch.xyz/newstream/{ID}/slug/?t=1629129194902", ARTICLE),
        (f"/newstream/{ID}/slug/%20", ARTICLE),
        ("Ministry of Foreign Affairs (EN)", SourceRef(label="Ministry of Foreign Affairs (EN)")),
        ("Pyongyang Times", SourceRef(label="Pyongyang Times")),
        ("로동신문 (Kr)", SourceRef(label="로동신문 (Kr)")),
        ("all", SourceRef()),
        ("ALL", SourceRef()),
    ],
)
def test_a_source_in_each_of_its_forms(text: str, ref: SourceRef) -> None:
    assert read_sources(text) == (ref,)


def test_several_sources_by_comma_each_once_in_their_order() -> None:
    assert read_sources("163, ajax:189661,KCNA.kp (En),163") == (
        SourceRef(sid=163),
        SourceRef(ajax_id=189661),
        SourceRef(label="KCNA.kp (En)"),
    )


def test_all_among_several_means_all() -> None:
    assert read_sources("163,all") == (SourceRef(),)


def test_all_is_the_default() -> None:
    assert SourceArguments.read({}, SITE).source == (SourceRef(),)
    assert SourceRef().is_all
    assert not SourceRef(sid=163).is_all


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "163,",
        ",163",
        "ajax:",
        "ajax:abc",
        "ajax:-1",
        "https://kcnawatch.org/",
        "https://kcnawatch.org/about/",
        "https://example.org/article/163/",
        f"https://example.org/newstream/{ID}/slug",
        "/about/",
        "http://[",
    ],
)
def test_a_source_that_is_none_is_refused_by_name_and_value(text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"argument source={text!r}: ")):
        read_sources(text)


# Paths


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("~", "/home/me"),
        ("~/x [1]", "/home/me/x [1]"),
        ("./~/x", "~/x"),
        ("a/~", "a/~"),
        ("~of-nobody/x", "~of-nobody/x"),
        ("~user", "~user"),
    ],
)
def test_a_tilde_at_the_beginning_of_a_path_is_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, text: str, found: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert as_path(text) == Path(found)


def test_every_path_that_is_given_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "urls.txt").write_text(ID, encoding="utf-8")
    assert ArticleArguments.read({"file": "~/urls.txt"}, SITE).addresses == (ArticleAddress(ID),)
    assert Config.read_folder(Settings({"KCNACRAWL_DIR": "~/archive"})) == tmp_path / "archive"
    assert new_file("~/feed.xml") == tmp_path / "feed.xml"


# url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"https://kcnawatch.org/newstream/{ID}/slug", ArticleAddress(ID, "slug")),
        (f"http://kcnawatch.app/newstream/{ID}/slug/%3C/a%3E", ArticleAddress(ID, "slug")),
        (f"https://kcnawatch.org/newstream/{ID}/%25EA%25B5%25AD", ArticleAddress(ID, "%EA%B5%AD")),
        (f"/newstream/{ID}/slug/", ArticleAddress(ID, "slug")),
        (f"/newstream/{ID}", ArticleAddress(ID)),
        (ID, ArticleAddress(ID)),
    ],
)
def test_an_article_in_each_of_its_forms(text: str, address: ArticleAddress) -> None:
    assert read_urls(text) == (address,)


def test_several_articles_by_comma_each_identity_once() -> None:
    assert [one.id for one in read_urls(f"{ID}, /newstream/{OTHER}/x ,/newstream/{ID}/y,")] == [ID, OTHER]


@pytest.mark.parametrize("text", ["x", "163", f"{ID}x", f"https://example.org/newstream/{ID}/slug", "http://["])
def test_an_article_that_is_none_is_refused_by_name_and_value(text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"argument url={text!r}: {text!r} is no article of {SITE.url}")):
        read_urls(text)


@pytest.mark.parametrize("given", [{}, {"url": ""}, {"url": " , "}])
def test_no_article_at_all_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ArgumentError, match="give articles by url=… or file=…"):
        ArticleArguments.read(given, SITE)


# file


def test_a_file_has_an_article_a_line_with_empty_lines_and_remarks(tmp_path: Path) -> None:
    content = f"# two of them\n\n https://kcnawatch.org/newstream/{ID}/slug \r\n{OTHER}\n   \n# the end"
    assert read_file(tmp_path / "urls.txt", content) == (ArticleAddress(ID, "slug"), ArticleAddress(OTHER))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert read_file(tmp_path / "urls.txt", f"\ufeff{ID}\n") == (ArticleAddress(ID),)


def test_url_and_file_together_name_each_article_once(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    path.write_text(f"{ID}\n{OTHER}\n", encoding="utf-8")
    both = ArticleArguments.read({"url": f"/newstream/{ID}/slug", "file": str(path)}, SITE)
    assert [one.id for one in both.addresses] == [ID, OTHER]


def test_a_line_that_is_no_article_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "urls.txt"
    with pytest.raises(
        ArgumentError, match=re.escape(f"argument file={str(path)!r}: line 3: 'nonsense' is no article")
    ):
        read_file(path, f"{ID}\n\nnonsense\n")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(ArgumentError, match=re.escape(f"argument file={str(path)!r}: cannot be read (")):
            ArticleArguments.read({"file": str(path)}, SITE)


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="cannot be read"):
        read_file(tmp_path / "urls.txt", b"\xff\xfe")


def test_an_empty_file_names_no_article(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="give articles"):
        read_file(tmp_path / "urls.txt", "# none yet\n")


# since, until, limit


def test_since_until_and_limit_are_typed() -> None:
    read = Arguments.read({"since": "2021-03-01", "until": "2021-03-31", "limit": "50"}, SITE)
    assert (read.since, read.until, read.limit) == (date(2021, 3, 1), date(2021, 3, 31), 50)
    assert read.window == Window(date(2021, 3, 1), date(2021, 3, 31))


def test_without_them_all_is_open() -> None:
    assert Arguments.read({}, SITE) == Arguments(since=None, until=None, limit=None)


def test_since_and_until_may_be_the_same_day() -> None:
    assert Arguments.read({"since": "2021-03-01", "until": "2021-03-01"}, SITE).since == date(2021, 3, 1)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2021", date(2021, 1, 1), date(2021, 12, 31)),
        ("2021-04", date(2021, 4, 1), date(2021, 4, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("2021-12", date(2021, 12, 1), date(2021, 12, 31)),
    ],
)
def test_a_month_or_a_year_is_all_its_days(text: str, first: date, last: date) -> None:
    assert Arguments.read({"since": text, "until": text}, SITE).window == Window(first, last)


@pytest.mark.parametrize(
    ("text", "day"), [("0d", date(2026, 3, 2)), ("1d", date(2026, 3, 1)), ("7d", date(2026, 2, 23)), ("007d", None)]
)
def test_days_ago_are_counted_from_today_in_pyongyang(
    monkeypatch: pytest.MonkeyPatch, text: str, day: date | None
) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            # There, the next day has begun.
            return datetime(2026, 3, 1, 15, 30, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr("kcnacrawl.arguments.datetime", Clock)
    for name in ("since", "until"):
        assert getattr(Arguments.read({name: text}, SITE), name) == (day or date(2026, 2, 23))


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "text",
    [
        *["", "2021-02-30", "2021-3-1", "20210301", "01/03/2021", "2021-03-01T00:00", "2021-03-01\n", "２０２１-03-01"],
        *[
            "0000",
            "2021-13",
            "2021-00",
            "21",
            "20210",
            "2021-3",
            "x",
            "d",
            "-1d",
            "1.5d",
            "７d",
            "9999999d",
            "7d\n",
            "7D",
        ],
    ],
)
def test_what_is_no_day_is_refused_by_name_and_value(name: str, text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"argument {name}={text!r}: ")):
        Arguments.read({name: text}, SITE)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e3", "ten", "１０", "5\n", "9" * 5000])
def test_what_is_no_count_is_refused_by_name_and_value(text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"argument limit={text[:200]!r}: not a whole number from 1")):
        Arguments.read({"limit": text}, SITE)


def test_since_after_until_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^since=2021-03-02 is after until=2021-03-01$"):
        Arguments.read({"since": "2021-03-02", "until": "2021-03-01"}, SITE)


@pytest.mark.parametrize(
    ("arguments", "name", "text"),
    [
        (SourceArguments, "source", "\udcff"),
        (SourceArguments, "source", "163,Rodong \udcff"),
        (SourceArguments, "since", "2021-01-0\udcff"),
        (ArticleArguments, "url", f"/newstream/{ID}/\udcff"),
        (SearchArguments, "query", "\udcff"),
    ],
)
def test_bytes_that_are_no_text_are_refused_by_name(arguments: type[Arguments], name: str, text: str) -> None:
    # So Python shows bytes of a command line that are no UTF-8.
    with pytest.raises(ArgumentError, match=f"^argument {name}='.*': not UTF-8$"):
        arguments.read({name: text}, SITE)


def test_a_file_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "\udcff.txt"
    path.write_text(ID, encoding="utf-8")
    assert ArticleArguments.read({"file": str(path)}, SITE).addresses == (ArticleAddress(ID),)


# Any of them


def test_an_unknown_argument_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"unknown argument 'sourse'; there are: since, until, limit, source"):
        SourceArguments.read({"sourse": "163"}, SITE)


@given(st.sampled_from(["since", "until", "limit", "source"]), st.text())
@example("source", "/line\nbreak")
@example("source", "http://[")
def test_any_value_is_taken_or_refused_in_one_line_that_names_the_argument(name: str, text: str) -> None:
    try:
        SourceArguments.read({name: text}, SITE)
    except ArgumentError as error:
        message = str(error)
        assert message.startswith(f"argument {name}=")
        assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["since", "until", "limit", "source"])
def test_a_value_too_long_to_show_is_cut(name: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        SourceArguments.read({name: "/" + "x" * 1500}, SITE)
    assert len(str(caught.value)) < 600


@given(st.text())
@example("line\nbreak")
def test_any_article_is_taken_or_refused_in_one_line(text: str) -> None:
    try:
        read_urls(text)
    except ArgumentError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
