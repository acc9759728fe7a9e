"""What the README promises of the demo and the exit codes holds."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kcnacrawl.replica.server import Replica
from kcnacrawl.verdict import Verdict

from .conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


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


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_and_its_exit_code_is_explained(verdict: Verdict) -> None:
    assert re.search(rf"\| [0-9, ]*\b{verdict.exit_code()}\b[0-9, ]* \| `{verdict}` \|", README)
