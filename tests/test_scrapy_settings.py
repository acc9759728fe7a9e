"""Scrapy's own settings: each is what it must be before anything is fetched, for every command that fetches."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings, default_settings

from kcnacrawl import settings as project
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.replica.server import Replica
from kcnacrawl.scrapy_settings import READERS, check, check_given

from . import processes
from .conftest import ROOT, Crawl

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

COMPONENT = "not the path of a class or function"


def test_every_setting_of_scrapy_is_in_the_table() -> None:
    known = {name for name in vars(default_settings) if name.isupper()}
    # Scrapy has deprecated it, and reads it all the same.
    assert set(READERS) == known | {"CONCURRENT_REQUESTS_PER_IP"}


def test_the_defaults_of_scrapy_and_ours_are_what_they_must_be() -> None:
    for name, value in Settings().items():
        READERS[name](value)
    ours = Settings()
    ours.setmodule(project, priority="project")
    check(ours)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DOWNLOAD_DELAY", "abc", "not a number of seconds, 0 or more"),
        ("DOWNLOAD_DELAY", "-1", "not a number of seconds, 0 or more"),
        ("DOWNLOAD_DELAY", -0.5, "not a number of seconds, 0 or more"),
        ("DOWNLOAD_DELAY", "nan", "not a number of seconds, 0 or more"),
        ("DOWNLOAD_DELAY_JITTER", "1.5", "not a share from 0 to 1"),
        ("DOWNLOAD_SLOTS", '{"kcnawatch.org": {"delay": -1}}', "kcnawatch.org: delay: not a number of seconds"),
        ("DOWNLOAD_SLOTS", '{"kcnawatch.org": {"concurrency": 0}}', "kcnawatch.org: concurrency: not a whole number"),
        ("DOWNLOAD_TIMEOUT", "abc", "not a number of seconds above 0"),
        ("DOWNLOAD_TIMEOUT", "0", "not a number of seconds above 0"),
        ("DOWNLOAD_MAXSIZE", "1e6", "not a whole number from 0"),
        ("RETRY_TIMES", "x", "not a whole number from 0"),
        ("RETRY_TIMES", "-1", "not a whole number from 0"),
        ("RETRY_HTTP_CODES", "500,many", "not a whole number from 100 to 599"),
        ("ROBOTSTXT_OBEY", "maybe", "not True or False"),
        ("ROBOTSTXT_OBEY", "", "not True or False"),
        ("LOG_LEVEL", "verbose", "not one of CRITICAL, ERROR, WARNING, INFO, DEBUG"),
        ("LOG_LEVEL", "info", "not one of CRITICAL, ERROR, WARNING, INFO, DEBUG"),
        ("LOG_FILE", "/no/such/folder/log", "no file that can be written"),
        ("LOG_FORMAT", "%(x", "Invalid format"),
        ("LOG_ENCODING", "utf-9", "no encoding that Python knows"),
        ("FEED_EXPORT_ENCODING", "rot13", "no encoding that Python knows"),
        ("FEED_EXPORT_INDENT", "two", "not a whole number"),
        ("CONCURRENT_REQUESTS_PER_DOMAIN", "x", "not a whole number from 1"),
        ("CONCURRENT_REQUESTS_PER_DOMAIN", "0", "not a whole number from 1"),
        ("CONCURRENT_REQUESTS", "-1", "not a whole number from 0"),
        ("CONCURRENT_ITEMS", "0", "not a whole number from 1"),
        ("REACTOR_THREADPOOL_MAXSIZE", "0", "not a whole number from 1"),
        ("CLOSESPIDER_ITEMCOUNT", "few", "not a whole number from 0"),
        ("CLOSESPIDER_TIMEOUT", "soon", "not a number of seconds, 0 or more"),
        ("AUTOTHROTTLE_TARGET_CONCURRENCY", "0", "not a number above 0"),
        ("TELNETCONSOLE_PORT", "6023,100000", "not a whole number from 0 to 65535"),
        ("USER_AGENT", "a\r\nX-Evil: 1", "not one line of text"),
        ("DOWNLOAD_BIND_ADDRESS", "eth0", "not an IP address"),
        ("DOWNLOAD_TLS_MIN_VERSION", "SSLv3", "not one of TLSv1.0"),
        ("DOWNLOADER_CLIENT_TLS_METHOD", "SSLv3", "not one of TLS, "),
        ("DOWNLOADER_CLIENT_TLS_CIPHERS", "none at all", "no ciphers that OpenSSL knows"),
        ("DOWNLOADER_CLIENTCONTEXTFACTORY", "x", COMPONENT),
        ("REFERRER_POLICY", "same-origin, of-mine", COMPONENT),
        ("SPIDER_MODULES", "kcnacrawl.spiders,nowhere.at.all", "not a module"),
        ("LOG_VERSIONS", "lxml,no-such-package", "not a package that is installed"),
        ("JOBDIR", __file__, "no folder that can be written"),
        ("HTTPAUTH_USER", ["me"], "give HTTPAUTH_DOMAIN as well"),
        ("SCHEDULER", "x", COMPONENT),
        ("SCHEDULER", "scrapy.core.scheduler.Nothing", COMPONENT),
        ("STATS_CLASS", "nowhere.at.all", COMPONENT),
        ("EXTENSIONS", '{"nowhere.at.all": 1}', f"nowhere.at.all: {COMPONENT}"),
        ("ITEM_PIPELINES", {"kcnacrawl.pipelines.archive.ArchivePipeline": "last"}, "its place is not a number"),
        ("ITEM_PIPELINES", "kcnacrawl.pipelines.archive.ArchivePipeline", "not a table as JSON"),
        ("DOWNLOAD_HANDLERS", '{"http": "nowhere.at.all"}', f"http: {COMPONENT}"),
        ("DEFAULT_REQUEST_HEADERS", "Accept: all", "not a table as JSON"),
        ("FEEDS", '{"a.csv": "csv"}', "a.csv: not a table as JSON"),
    ],
)
def test_a_bad_setting_is_told_by_name_value_and_what_it_must_be(name: str, value: Any, told: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check(Settings({name: value}) if not isinstance(value, str) else _given(name, value))
    assert str(caught.value).startswith(f"setting {name}")
    assert told in str(caught.value)


def _given(name: str, value: str) -> Settings:
    """Settings as ``-s`` changes them, where Scrapy lets it."""
    check_given([f"{name}={value}"])
    raise AssertionError(f"{name}={value} was taken")


@pytest.mark.parametrize(
    "pair",
    [
        "DOWNLOAD_DELAY=0",
        "DOWNLOAD_DELAY=1e-2",
        "DOWNLOAD_MAXSIZE=1073741824",
        "ROBOTSTXT_OBEY=0",
        "ROBOTSTXT_OBEY=true",
        "LOG_LEVEL=WARNING",
        "LOG_FILE=",
        "FEED_EXPORT_ENCODING=utf-8-sig",
        "CONCURRENT_REQUESTS=0",
        "RETRY_PRIORITY_ADJUST=-1",
        "RETRY_HTTP_CODES=500,503",
        "RETRY_HTTP_CODES=",
        'EXTENSIONS={"scrapy.extensions.closespider.CloseSpider": 0, "nowhere.at.all": null}',
        "JOBDIR=any/where",
        "REFERRER_POLICY=no-referrer,same-origin",
        "REFERRER_POLICY=scrapy.spidermiddlewares.referer.OriginPolicy",
        "SPIDER_MODULES=kcnacrawl.spiders",
        "LOG_VERSIONS=lxml,Twisted",
        "DOWNLOADER_CLIENT_TLS_CIPHERS=DEFAULT",
        "OF_SOMEBODY_ELSE=anything",
    ],
)
def test_what_scrapy_takes_is_taken(pair: str) -> None:
    check_given([pair])


@pytest.mark.parametrize("pair", ["", "DOWNLOAD_DELAY", "=1"])
def test_what_is_no_setting_at_all_is_refused(pair: str) -> None:
    with pytest.raises(ArgumentError, match="not NAME=VALUE"):
        check_given([pair])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("crawl", "source", "-s", "DOWNLOAD_DELAY=abc"), "setting DOWNLOAD_DELAY='abc': not a number of seconds"),
        (("crawl", "source", "-L", "verbose"), "setting LOG_LEVEL='verbose': not one of"),
        (("crawl", "source", "-s", "EXTENSIONS=x"), "setting EXTENSIONS='x': not a table as JSON"),
        (("crawl", "source", "-s", "ITEM_PIPELINES={{}}"), "setting ITEM_PIPELINES: kcnacrawl.pipelines.archive."),
        (
            ("crawl", "source", "-s", 'EXTENSIONS={{"kcnacrawl.extensions.report.Report": null}}'),
            "setting EXTENSIONS: kcnacrawl.extensions.report.Report is missing",
        ),
        (("crawl", "source", "--pidfile", "/no/such/folder/pid"), "/no/such/folder/pid: No such file or directory"),
        (("crawl", "source", "-o", "articles.docx"), "Unrecognized output format 'docx'"),
        (("doctor", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=0"), "not a whole number from 1"),
        (("parse", "{url}", "-s", "DOWNLOAD_TIMEOUT=abc"), "setting DOWNLOAD_TIMEOUT='abc': not"),
        (("shell", "{url}", "-c", "response", "--logfile", "/no/such/folder/log"), "setting LOG_FILE="),
        (("fetch", "{url}", "-s", "RETRY_TIMES=x"), "setting RETRY_TIMES='x': not a whole number from 0"),
        (("fetch", "{url}/\udcff"), "/\\udcff': not UTF-8"),
        (("fetch", "{url}", "--spider", "sauce"), "no spider 'sauce'; there are: article, "),
        (("view", "{url}", "-s", "KCNACRAWL_PAUSES=few"), "setting KCNACRAWL_PAUSES='few'"),
        (("verify", "-s", "KCNACRAWL_DIR"), "-s 'KCNACRAWL_DIR': not NAME=VALUE"),
        (("coverage", "--pidfile", "/no/such/folder/pid"), "/no/such/folder/pid: No such file or directory"),
        (("check", "-s", "CONCURRENT_ITEMS=0"), "setting CONCURRENT_ITEMS='0'"),
        (("runspider", "any.py", "-s", "ROBOTSTXT_OBEY=maybe"), "setting ROBOTSTXT_OBEY='maybe'"),
    ],
)
def test_every_command_refuses_it_in_one_line(serve: Serve, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    replica = serve(articles=10, sources=1)
    environment = os.environ | {"KCNACRAWL_URL": replica.url, "KCNACRAWL_DIR": str(tmp_path / "archive")}
    run = [sys.executable, "-m", "scrapy", *(word.format(url=replica.url) for word in words)]
    done = processes.run(run, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("kcnacrawl: ")
    assert told in done.stderr
    assert replica.requests == []
    assert not (tmp_path / "archive").exists()


def test_settings_of_a_project_of_ones_own_are_checked_as_well(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=10, sources=1)
    (tmp_path / "own.py").write_text("from kcnacrawl.settings import *\nDOWNLOAD_DELAY = -1\n", encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "SCRAPY_SETTINGS_MODULE": "own",
        "KCNACRAWL_URL": replica.url,
        "KCNACRAWL_DIR": str(tmp_path / "archive"),
    }
    run = [sys.executable, "-m", "scrapy", "crawl", "source"]
    done = processes.run(run, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "kcnacrawl: setting DOWNLOAD_DELAY='-1': not a number of seconds, 0 or more\n",
    )
    assert replica.requests == []
