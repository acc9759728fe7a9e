"""The first contact, rehearsed: an unknown mark-up is met, one pattern is mended, every record is right."""

import shutil
import subprocess
import sys
from pathlib import Path

from .conftest import ROOT


def rehearse(checkout: Path) -> tuple[int, str]:
    run = [sys.executable, "-m", "kcnacrawl.replica.rehearsal"]
    done = subprocess.run(run, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def test_one_mended_pattern_brings_every_record_without_a_request(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "kcnacrawl", tmp_path / "kcnacrawl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "scrapy.cfg", tmp_path)
    code, told = rehearse(tmp_path)
    assert code == 4, told
    assert "MISSING" in told
    assert "no 'Date: … | Source: …' stands outside the cards" in told
    page = (tmp_path / "output/rehearsal/saved/article/article/input.html").read_text(encoding="utf-8")
    assert "| By " in page
    code, told = rehearse(tmp_path)
    assert (code, "0 of " in told) == (4, True), told
    reader = tmp_path / "kcnacrawl/pages/header.py"
    known = reader.read_text(encoding="utf-8")
    mended = known.replace(r"(?:\|\s*)?Source\s*:\s*(?P<label>", r"(?:\|\s*)?(?:Source\s*:|By\b)\s*(?P<label>")
    assert mended != known
    reader.write_text(mended, encoding="utf-8")
    code, told = rehearse(tmp_path)
    assert code == 0, told
    assert "That is all of them." in told
    assert not (tmp_path / "output/rehearsal").exists()
