"""The settings of ours: typed once, refused with one line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from scrapy.settings import Settings

from kcnacrawl.arguments import ArgumentError
from kcnacrawl.config import DEFAULTS, Config
from kcnacrawl.replica.server import Replica
from kcnacrawl.run import printable

from . import processes
from .conftest import ROOT, Crawl, command

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]


def test_every_limit_is_a_setting_with_a_default() -> None:
    assert Config.read(Settings(DEFAULTS)) == Config()
    assert all(name.startswith("KCNACRAWL_") for name in DEFAULTS)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("KCNACRAWL_BACKOFF", "soon", "not a number of seconds, 0 or more"),
        ("KCNACRAWL_BACKOFF", "-1", "not a number of seconds, 0 or more"),
        ("KCNACRAWL_BACKOFF", "nan", "not a number of seconds, 0 or more"),
        ("KCNACRAWL_BACKOFF", "inf", "not a number of seconds, 0 or more"),
        ("KCNACRAWL_PAUSES", "1.5", "not a whole number from 0"),
        ("KCNACRAWL_PAUSES", "", "not a whole number from 0"),
        ("KCNACRAWL_WALLS_IN_A_ROW", "0", "not a whole number from 1"),
        ("KCNACRAWL_UNREADABLE", "20", "not a share from 0 to 1"),
    ],
)
def test_a_bad_limit_names_its_setting_and_value(name: str, value: str, told: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Config.read(Settings(DEFAULTS | {name: value}))
    assert str(caught.value) == f"setting {name}={value!r}: {told}"


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("KCNACRAWL_PAUSES=few", "setting KCNACRAWL_PAUSES='few': not a whole number from 0"),
        (
            "KCNACRAWL_CONTACT=a@example.org\r\nX-Evil: 1",
            "setting KCNACRAWL_CONTACT='a@example.org\\r\\nX-Evil: 1': not an address of one line in ASCII",
        ),
    ],
)
def test_a_bad_setting_is_one_line_and_fetches_nothing(serve: Serve, crawl: Run, setting: str, line: str) -> None:
    replica = serve()
    done = crawl(replica.url, "source", "-s", setting)
    assert (done.exit_code, done.stderr) == (2, f"kcnacrawl: {line}\n")
    assert replica.requests == []


def test_the_environment_sets_limits_as_well(serve: Serve, tmp_path: Path) -> None:
    words = command(tmp_path, serve().url, "source")
    done = processes.run(words, cwd=ROOT, env=os.environ | {"KCNACRAWL_PAUSES": "many"}, capture_output=True, text=True)
    assert done.returncode == 2
    assert "KCNACRAWL_PAUSES='many'" in done.stderr


def test_a_message_is_one_line_whatever_the_network_sent() -> None:
    assert printable("a\x1b[31m red\r\nline\u2028and\u202e more\x00") == "a[31m red line and more"
    assert len(printable("x " * 5000)) == 1000
