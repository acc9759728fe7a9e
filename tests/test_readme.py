"""What the README says to type is typed here."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kcnacrawl.items import Article
from kcnacrawl.replica.server import Replica
from kcnacrawl.verdict import Verdict

from .conftest import ROOT, Crawl

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
JQ = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines() if line.startswith("jq ")]


@pytest.fixture
def archive(serve: Callable[..., Replica], crawl: Callable[..., Crawl], tmp_path: Path) -> Path:
    """A folder with an archive in ``output``, as the README has it."""
    done = crawl(serve(articles=120, sources=3).url, "source", folder=tmp_path / "output")
    assert done.exit_code == 0, done.stderr
    return tmp_path


def test_the_examples_with_jq_pandas_and_duckdb_work(archive: Path) -> None:
    assert len(JQ) == 3
    assert len(PYTHON) == 2
    for line in JQ:
        done = subprocess.run(line, shell=True, cwd=archive, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    for text in PYTHON:
        done = subprocess.run([sys.executable, "-c", text], cwd=archive, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "KCNA.kp (En)" in done.stdout


def test_the_demo_shows_what_it_found(tmp_path: Path) -> None:
    shutil.copy(ROOT / "scrapy.cfg", tmp_path)
    done = subprocess.run([sys.executable, "-m", "kcnacrawl.replica"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "exit code 0" in done.stdout
    assert "output/demo/articles.jsonl" in done.stdout
    assert (tmp_path / "output/demo/articles.jsonl").exists()


def test_it_works_without_a_checkout(serve: Callable[..., Replica], tmp_path: Path) -> None:
    words = ["crawl", "sources", "-s", f"KCNACRAWL_URL={serve().url}"]
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", *words],
        cwd=tmp_path,
        env={"SCRAPY_SETTINGS_MODULE": "kcnacrawl.settings", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "163\tMinistry of Foreign Affairs (EN)" in done.stdout


def test_every_key_of_a_record_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", README))
    assert set(Article.__dataclass_fields__) <= explained


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_and_its_exit_code_is_explained(verdict: Verdict) -> None:
    assert re.search(rf"\| [0-9, ]*\b{verdict.exit_code()}\b[0-9, ]* \| `{verdict}` \|", README)
