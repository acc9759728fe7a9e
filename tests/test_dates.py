"""The site's two date formats, and nothing else."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.site.dates import (
    BadDate,
    conflict,
    from_unix,
    instant,
    listed_or_none,
    looks_like_page_date,
    parse_listed,
    parse_published,
)

MONTHS = "January February March April May June July August September October November December".split()


def test_the_headers_date_is_day_first() -> None:
    assert parse_published("23/03/2021") == date(2021, 3, 23)
    assert parse_published("07/04/2025") == date(2025, 4, 7)
    assert parse_published("29/02/2024") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "raw",
    [
        "31/02/2021",
        "29/02/2023",
        "00/01/2021",
        "01/13/2021",
        "01/01/0000",
        "7/4/2025",
        "07/04/25",
        "2021-03-23",
        "23-03-2021",
        "23.03.2021",
        "2021/03/23",
        "03/23/2021",
        "March 23, 2021",
        "23/03/2021\n",
        " 23/03/2021",
        "23/03/2021 ",
        "23 /03/2021",
        "23/03/2021 11:03",
        "２３/０３/２０２１",
        "٢٣/٠٣/٢٠٢١",
        "-1/03/2021",
        "",
    ],
)
def test_what_is_no_header_date_is_refused(raw: str) -> None:
    with pytest.raises(BadDate, match="not a date of the site's"):
        parse_published(raw)


@pytest.mark.parametrize("number", range(1, 13))
def test_a_cards_date_names_its_month_in_english(number: int) -> None:
    assert parse_listed(f"{MONTHS[number - 1]} 04, 2025") == date(2025, number, 4)


@pytest.mark.parametrize(
    "raw",
    [
        "July 4, 2025",
        "July 04 2025",
        "July 04,2025",
        "July  04, 2025",
        "Jul 04, 2025",
        "july 04, 2025",
        "JULY 04, 2025",
        "04 July 2025",
        "June 31, 2025",
        "February 30, 2024",
        "July 00, 2025",
        "Juillet 04, 2025",
        "Juli 04, 2025",
        "7월 04, 2025",
        "July ０４, 2025",
        "July 04, 2025\n",
        " July 04, 2025",
        "July 04, 2025?",
        "July 06, 2025Jul 06, 2025",
        "Friday July 04, 2025",
        "July 04, 0000",
        "04/07/2025",
        "2025-07-04",
        "",
    ],
)
def test_what_is_no_card_date_is_refused(raw: str) -> None:
    with pytest.raises(BadDate, match="not a date of the site's"):
        parse_listed(raw)


def test_a_bad_date_is_a_value_error_that_shows_no_more_than_its_beginning() -> None:
    assert issubclass(BadDate, ValueError)
    with pytest.raises(BadDate) as caught:
        parse_published("x" * 10_000)
    assert len(str(caught.value)) < 120


def test_a_cards_date_that_cannot_be_read_is_none() -> None:
    assert listed_or_none("July 04, 2025") == date(2025, 7, 4)
    assert [listed_or_none(raw) for raw in (None, "", "yesterday", "June 31, 2025")] == [None] * 4


@pytest.mark.parametrize(
    ("published", "listed", "flag"),
    [
        (date(2025, 7, 4), date(2025, 7, 4), False),
        (date(2025, 7, 4), date(2025, 7, 5), False),
        (date(2025, 7, 4), date(2025, 7, 3), False),
        (date(2025, 7, 4), date(2025, 7, 6), True),
        (date(2025, 7, 4), date(2025, 7, 2), True),
        (date(2025, 1, 1), date(2024, 12, 31), False),
        (date(2025, 7, 4), None, False),
        (None, date(2025, 7, 4), False),
        (None, None, False),
    ],
)
def test_dates_more_than_a_day_apart_conflict(published: date | None, listed: date | None, flag: bool) -> None:
    assert conflict(published, listed) is flag


def test_the_number_in_an_address_is_a_moment_in_utc() -> None:
    assert from_unix(1616497394) == "2021-03-23T11:03:14+00:00"
    assert from_unix(0) == "1970-01-01T00:00:00+00:00"


def test_ten_digits_never_leave_the_calendar() -> None:
    assert from_unix(9_999_999_999) == "2286-11-20T17:46:39+00:00"


def test_an_instant_is_in_utc_to_the_second() -> None:
    seoul = timezone(timedelta(hours=9))
    assert instant(datetime(2021, 3, 23, 20, 3, 14, 999_999, seoul)) == "2021-03-23T11:03:14+00:00"


@pytest.mark.parametrize(
    "text",
    ["July 06, 2025", "July 06, 2025Jul 06, 2025", "July 06, 2025 Jul 06, 2025", "Friday September 11, 2026"],
)
def test_todays_date_at_the_top_of_a_page_is_known(text: str) -> None:
    assert looks_like_page_date(text)


@pytest.mark.parametrize("text", ["", "July 06", "On July 06, 2025", "July 06, 2025 Report", "23/03/2021"])
def test_other_lines_are_not_todays_date(text: str) -> None:
    assert not looks_like_page_date(text)


@given(st.dates(date(1000, 1, 1)))
def test_a_header_date_goes_there_and_back(day: date) -> None:
    assert parse_published(f"{day.day:02}/{day.month:02}/{day.year}") == day


@given(st.dates(date(1000, 1, 1)))
def test_a_card_date_goes_there_and_back(day: date) -> None:
    assert parse_listed(f"{MONTHS[day.month - 1]} {day.day:02}, {day.year}") == day


@given(st.integers(0, 9_999_999_999))
def test_a_unix_time_goes_there_and_back(seconds: int) -> None:
    moment = datetime.fromisoformat(from_unix(seconds))
    assert moment.timestamp() == seconds
    assert moment.tzinfo == UTC


@given(st.one_of(st.text(max_size=20), st.from_regex(r"\A\d\d/\d\d/\d{4}\Z"), st.from_regex(r"\A[A-Z]\w+ \d\d, \d{4}")))
def test_any_text_is_a_day_or_a_bad_date(raw: str) -> None:
    for parse in (parse_published, parse_listed):
        try:
            assert isinstance(parse(raw), date)
        except BadDate:
            continue
