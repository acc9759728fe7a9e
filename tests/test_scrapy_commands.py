"""``parse``, ``shell`` and ``fetch`` on pages of the site, as Scrapy's users expect; the archive stays as it is."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import ROOT, read_lines, ungated

Serve = Callable[..., Replica]


@pytest.fixture
def replica(serve: Serve) -> Replica:
    return serve(articles=10, sources=1)


@pytest.fixture
def article(replica: Replica) -> str:
    """The address of an article that anybody may read."""
    return f"{replica.url}/newstream/{ungated(replica)[0]}"


def scrapy(replica: Replica, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "KCNACRAWL_URL": replica.url,
        "KCNACRAWL_DIR": str(folder),
        "TMPDIR": str(folder.parent),
    }
    run = [sys.executable, "-m", "scrapy", words[0], "-s", "DOWNLOAD_DELAY=0", *words[1:]]
    done = processes.run(run, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert not folder.exists()
    assert not list(folder.parent.glob("kcnacrawl-*"))
    return done


@pytest.mark.parametrize("words", [("--spider=article",), ("--spider=source",), ()])
def test_parse_prints_an_article_and_leaves_the_archive_alone(
    replica: Replica, article: str, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = scrapy(replica, tmp_path / "archive", "parse", "--nocolour", *words, article)
    assert done.returncode == 0, done.stderr
    truth = replica.world.truth(ungated(replica)[0])
    assert f"'id': '{truth['id']}'" in done.stdout
    assert str(truth["article_body"]).split()[0] in done.stdout
    assert "# Requests" in done.stdout
    assert len(replica.article_requests()) == 1


def test_parse_gives_a_feed_what_a_crawl_would(replica: Replica, article: str, tmp_path: Path) -> None:
    feed = tmp_path / "parsed.jsonl"
    done = scrapy(replica, tmp_path / "archive", "parse", "--spider=article", article, "-o", str(feed))
    assert done.returncode == 0, done.stderr
    assert [one["article_body"] for one in read_lines(feed)] == [
        replica.world.truth(ungated(replica)[0])["article_body"]
    ]


def test_parse_says_so_where_a_page_is_no_article(replica: Replica, tmp_path: Path) -> None:
    done = scrapy(replica, tmp_path / "archive", "parse", "--spider=article", f"{replica.url}/about/")
    line = f"kcnacrawl: argument url='{replica.url}/about/': '{replica.url}/about/' is no article of {replica.url}\n"
    assert (done.returncode, done.stderr) == (2, line)
    assert replica.requests == []


@pytest.mark.parametrize("words", [(), ("--spider=article",)])
def test_a_shell_has_the_response(replica: Replica, article: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    code = "response.status, response.url, request.headers[b'User-Agent']"
    done = scrapy(replica, tmp_path / "archive", "shell", "--nolog", *words, article, "-c", code)
    assert done.returncode == 0, done.stderr
    assert f"(200, '{article}" in done.stdout
    # Whoever looks by hand is no other to the site than a crawl is.
    assert "b'kcnacrawl/" in done.stdout


def test_an_address_of_the_site_itself_is_that_of_the_mirror(replica: Replica, article: str, tmp_path: Path) -> None:
    known = article.replace(replica.url, "https://kcnawatch.org")
    done = scrapy(replica, tmp_path / "archive", "shell", "--nolog", f"{known}/any", "-c", "response.url")
    assert done.stdout.startswith(article), done.stderr


def test_fetch_prints_the_page(replica: Replica, article: str, tmp_path: Path) -> None:
    done = scrapy(replica, tmp_path / "archive", "fetch", "--nolog", article)
    assert done.returncode == 0, done.stderr
    assert str(replica.world.truth(ungated(replica)[0])["headline"])[:5] in done.stdout


def test_a_spider_that_is_run_without_its_arguments_says_which(replica: Replica, tmp_path: Path) -> None:
    code = (
        "from scrapy.crawler import AsyncCrawlerProcess; from scrapy.utils.project import get_project_settings;"
        "from kcnacrawl.run import Run; process = AsyncCrawlerProcess(get_project_settings());"
        "one = process.create_crawler('article'); process.crawl(one); process.start(); print(Run.of(one).message)"
    )
    environment = os.environ | {"KCNACRAWL_URL": replica.url, "KCNACRAWL_DIR": str(tmp_path / "archive")}
    done = processes.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "give articles by url=… or file=…\n", done.stderr
