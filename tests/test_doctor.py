"""``scrapy doctor``: every anchor told, nothing stored, and the right exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kcnacrawl.pages.fixtures import READERS
from kcnacrawl.replica.markup_variant import VARIANTS, MarkupVariant
from kcnacrawl.replica.server import Replica
from kcnacrawl.site.urls import Site

from . import processes
from .conftest import FAST, ROOT

Serve = Callable[..., Replica]


def doctor(url: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    settings = (f"KCNACRAWL_URL={url}", f"KCNACRAWL_DIR={folder}", *(one for one in FAST if one != "-s"))
    run = [sys.executable, "-m", "scrapy", "doctor", *(word for one in settings for word in ("-s", one)), *words]
    return processes.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_a_healthy_site_is_healthy_in_every_spelling(serve: Serve, tmp_path: Path, variant: str) -> None:
    replica = serve(articles=60, sources=2, variant=variant)
    done = doctor(replica.url, tmp_path / "archive")
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert {"robots.txt", "home", "listing", "article"} <= pages
    assert "MISSING" not in done.stdout
    assert len(replica.requests) <= 8
    assert not (tmp_path / "archive").exists()


def test_one_article_or_one_listing_can_be_looked_at(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    article = f"/newstream/{replica.world.ids()[5]}/a-slug"
    for url, page in ((article, "article"), ("/article/156/", "listing")):
        done = doctor(replica.url, tmp_path, url)
        assert done.stdout.splitlines()[0].startswith(("robots.txt", page))
        assert "home" not in done.stdout


@pytest.mark.parametrize(
    ("pattern", "kind", "options", "told"),
    [
        ("^/article/", "no_cards", {}, "cards"),
        ("^/newstream/", "unreadable", {}, "date"),
        ("^/newstream/", "bad_date", {}, "31/02/2021"),
    ],
)
def test_what_is_missing_is_told_and_exits_4(
    serve: Serve, tmp_path: Path, pattern: str, kind: str, options: dict[str, str], told: str
) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add(pattern, kind, **options)
    done = doctor(replica.url, tmp_path)
    assert done.returncode == 4, done.stdout
    assert any("MISSING" in line and told in line for line in done.stdout.splitlines())


@pytest.mark.parametrize("kind", ["challenge", "block_page", "form", "sign_up", "status"])
def test_a_wall_or_a_site_that_does_not_answer_exits_5(serve: Serve, tmp_path: Path, kind: str) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("^/(?!robots)", kind)
    done = doctor(replica.url, tmp_path)
    assert done.returncode == 5, done.stdout
    assert "refused (5)" in done.stderr


def test_robots_that_forbid_exit_5(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("^/robots.txt", "status", status=500)
    assert doctor(replica.url, tmp_path).returncode == 5


def test_saved_pages_are_test_cases(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    assert doctor(replica.url, tmp_path / "archive", "--save", str(tmp_path / "cases")).returncode == 0
    folders = sorted(path.parent for path in (tmp_path / "cases").glob("*/*/input.html"))
    assert [folder.name for folder in folders] == ["article", "home", "ajax", "listing"]
    for folder in folders:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        markup = (folder / "input.html").read_text(encoding="utf-8")
        read = json.loads(json.dumps(READERS[folder.parent.name](markup, meta["url"], Site(meta["site"]))))
        assert read == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "words", [("https://example.org/newstream/1616497394-946528541/a",), ("nonsense",), ("/a", "/b")]
)
def test_a_bad_address_is_one_line(serve: Serve, tmp_path: Path, words: tuple[str, ...]) -> None:
    replica = serve(articles=20, sources=1)
    done = doctor(replica.url, tmp_path, *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert replica.requests == []


def test_what_served_the_reader_is_told_and_not_what_else_is_on_the_page(serve: Serve, tmp_path: Path) -> None:
    known = doctor(serve(articles=30, sources=1).url, tmp_path).stdout
    assert "fallback" not in known
    # Beside the list stands a box of cards in the mark-up that is known.
    variant = MarkupVariant(wrapper="anonymous", summary="plain", card="row", sidebar="before")
    told = doctor(serve(articles=30, sources=1, variant=variant).url, tmp_path).stdout
    for place in ("the element that holds most cards", "the first copy that is not cut"):
        assert any("fallback" in line and line.endswith(place) for line in told.splitlines()), told


@pytest.mark.parametrize(("streams", "environment"), [("| cat", {"PYTHONIOENCODING": "ascii"}), ("| true", {})])
def test_findings_are_told_as_far_as_they_can_be_shown(
    serve: Serve, tmp_path: Path, streams: str, environment: dict[str, str]
) -> None:
    replica = serve(articles=20, sources=2)
    replica.world.outlets = [replace(one, label=f"로동신문 {one.label}") for one in replica.world.outlets]
    settings = (f"KCNACRAWL_URL={replica.url}", f"KCNACRAWL_DIR={tmp_path}", *FAST)
    words = [sys.executable, "-m", "scrapy", "doctor", *(word for one in settings for word in ("-s", one))]
    run = ["bash", "-c", f'"$@" {streams}; exit ${{PIPESTATUS[0]}}', "bash", *words]
    done = subprocess.run(run, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
