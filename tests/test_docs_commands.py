"""What README.md and docs/ say to type is typed here: each document's blocks in their order, in a folder of its own.

The folder looks like a checkout with an archive in ``output`` and the demo's in ``output/demo``; the site is a replica.
Run are blocks of ``sh`` and ``python``; a command exits 0, or as its comment says (``# exit 3: …``). What needs more of
a machine is ``sh system``, and stands in ``SYSTEM`` with the test that covers it.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader

from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.site.urls import Site

from . import processes
from .conftest import ROOT, command

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ARGUMENTS = (ROOT / "docs/sources-and-arguments.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SHOWN = {"", "cron", "json", "mermaid", "sql", "yaml"}
"""What is shown and is no command of a shell."""

REHEARSAL = "test_rehearsal.py::test_one_mended_pattern_brings_every_record_without_a_request"
POSTGRESQL = "test_postgresql.py::test_every_command_and_question_of_the_documentation_works"
CLUSTER = "test_cluster.py::test_what_the_documentation_has_planned_is_crawled"
DASK = "test_dask.py::test_what_the_documentation_says_of_tls_is_what_it_takes"
SYSTEM = {
    ("operating.md", "install -d"): "test_deploy.py::test_logs_are_rotated_and_the_archive_is_not",
    ("operating.md", "cp deploy/"): "test_deploy.py::test_systemd_verifies_the_units_and_prints_nothing",
    ("stores.md", "sudo apt-get"): POSTGRESQL,
    ("stores.md", ".venv/bin/scrapy sync postgresql"): POSTGRESQL,
    ("stores.md", "psql kcna -c"): POSTGRESQL,
    ("stores.md", "sudo -u postgres createuser reader"): POSTGRESQL,
    ("cluster.md", "sudo apt-get"): POSTGRESQL,
    ("cluster.md", "install -m 600"): "test_deploy.py::test_systemd_verifies_the_units_and_prints_nothing",
    ("cluster.md", "export KCNACRAWL_CLUSTER"): CLUSTER,
    ("cluster.md", "openssl req"): DASK,
    ("cluster.md", ".venv/bin/dask"): DASK,
    ("cluster.md", ".venv/bin/scrapy reparse"): DASK,
    ("browse.md", "ssh -L"): "test_browse.py::test_this_machine_may_be_called_localhost",
    ("evidence.md", "sha256sum output/warc"): "test_evidence.py::test_a_time_stamp_confirms_the_files_that_are_kept",
    ("evidence.md", "pip install"): "test_cloud.py::test_commands_tell_what_they_told_before",
    ("first-contact.md", "scrapy doctor --save"): REHEARSAL,
    ("first-contact.md", "scrapy crawl source"): REHEARSAL,
    ("first-contact.md", "mv saved/article"): REHEARSAL,
    ("first-contact.md", ".venv/bin/python -m pytest"): "test_pages.py::test_a_saved_page_reads_as_a_person_said",
    ("first-contact.md", "scrapy reparse"): REHEARSAL,
    ("operating.md", "ln -s /var"): "test_metrics.py::test_a_run_is_told_by_its_end_its_verdict_and_its_counts",
}
"""By document and how the block begins: what changes the machine, and the test that covers what it is about."""

SERVES = re.compile(r"scrapy (?:browse|replica)\b(?!.*--list)")
PYTHON = ".venv/bin/python "
SETTINGS = "from kcnacrawl.settings import *\nDOWNLOAD_DELAY = 0\nCONCURRENT_REQUESTS_PER_DOMAIN = 8\n"
# What is made is there; what tests and measures the checkout is not for a test to do.
PRELUDE = 'make() { command make --dry-run "$@"; }\n'


class Block(NamedTuple):
    """A fenced block; ``line`` is that of its fence."""

    document: Path
    line: int
    info: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(document, line, found[2].strip(), textwrap.dedent(found[3]))


BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
RUN = [block for block in BLOCKS if block.info in {"sh", "python"}]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with Replica(World(articles=60, sources=3)) as replica:
        yield replica.url


@pytest.fixture(scope="module")
def crawled(site: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crawled") / "output"
    done = processes.run(command(folder, site, "source"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def checkout(crawled: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder like a checkout in which the demo and a first crawl were run."""
    for name in (
        "Makefile",
        "scrapy.cfg",
        "constraints.txt",
        "constraints-replay.txt",
        "pyproject.toml",
        "docs",
        "examples",
    ):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for own in (*Path(sys.prefix).iterdir(), *(Path(sys.prefix) / "bin").iterdir()):
        if own.name not in {"bin", "scrapy"}:
            (programs.parent / own.relative_to(sys.prefix)).symlink_to(own)
    (tmp_path / "fast.py").write_text(SETTINGS, encoding="utf-8")
    for name in ("output", "output/demo"):
        shutil.copytree(crawled, tmp_path / name)
    with processes.shim(programs / "scrapy", "scrapy"):
        yield tmp_path


def environment(folder: Path, site: str) -> dict[str, str]:
    """A reader's, but for the site and the pace."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("KCNACRAWL_", "SCRAPY_"))}
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "huggingface")}
    fast = {"SCRAPY_SETTINGS_MODULE": "fast", "KCNACRAWL_BACKOFF": "0.05", "KCNACRAWL_URL": site}
    return (
        ours | offline | fast | {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": f"{folder}/.venv/bin:{os.environ['PATH']}"}
    )


def commands(block: Block, folder: Path) -> Iterator[str]:
    """What a block has a shell do, command by command."""
    if block.info == "python":
        (folder / f"{block.line}.py").write_text(block.text, encoding="utf-8")
        yield f"{PYTHON}{block.line}.py"
        return
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line and not line.startswith("#"):
            yield f"{PYTHON}-m tests.serving {line}" if SERVES.search(line) else line


def script(document: Path, folder: Path) -> str:
    """All commands of a document, each checked for how it ended, and for an answer where it asks for one."""
    steps = [PRELUDE]
    for block in RUN:
        for line in commands(block, folder) if block.document == document else ():
            expected = re.search(r"# exit (\d+)", line)
            shows = line.startswith(("jq ", PYTHON)) and ">" not in line
            well = f"[ $code = {expected[1] if expected else 0} ]" + " && [ -s shown ]" * shows
            where = shlex.quote(f"{document.name}, block of line {block.line}: {line}")
            steps.append(f"{{\n{line}\n}} >shown; code=$?\n")
            steps.append(f"{well} || {{ cat shown; echo {where}: exit code $code; exit 1; }}\n")
    return "".join(steps)


@pytest.mark.parametrize("document", sorted({block.document for block in RUN}), ids=lambda path: path.name)
def test_what_a_document_says_to_type_works(document: Path, checkout: Path, site: str) -> None:
    done = subprocess.run(
        ["bash", "-c", script(document, checkout)],
        cwd=checkout,
        env=environment(checkout, site),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout


def test_every_block_is_run_or_listed_with_the_test_that_covers_it() -> None:
    found = {
        next((key for key in SYSTEM if (key[0], block.text[: len(key[1])]) == (block.document.name, key[1])), block)
        for block in BLOCKS
        if block.info == "sh system"
    }
    assert found == set(SYSTEM)
    assert {block.info for block in BLOCKS} - {"sh", "python", "sh system"} <= SHOWN


EXAMPLES = re.findall(r"^## `(\w+)`|(?<=`)-a (\w+)=(\"[^\"]+\"|[^\"` ]+)", ARGUMENTS, re.MULTILINE)


def test_every_spider_and_argument_is_explained_by_examples_that_are_taken(tmp_path: Path) -> None:
    spiders = SpiderLoader(Settings({"SPIDER_MODULES": ["kcnacrawl.spiders"]}))
    (tmp_path / "wanted.txt").write_text("1616497394-946528541\n", encoding="utf-8")
    explained: dict[str, set[str]] = {}
    spider = ""
    for section, name, text in EXAMPLES:
        if section:
            spider = section
            explained[spider] = set()
            continue
        given = {name: text.strip('"').replace("wanted.txt", str(tmp_path / "wanted.txt"))}
        needed = {"query": "greenhouse"} if spider == "search" else {}
        spiders.load(spider).arguments_class.read(needed | given, Site("https://kcnawatch.org"))
        explained[spider].add(name)
    shared = {"since", "until", "limit"}
    taken = {name: {one.name for one in fields(spiders.load(name).arguments_class)} for name in spiders.list()}
    assert {name: found | shared for name, found in explained.items()} == taken


def test_nothing_that_is_only_shown_is_a_command_of_ours() -> None:
    shown = [line for block in BLOCKS if block.info in SHOWN for line in block.text.splitlines()]
    assert [line for line in shown if re.match(r"\s*(?:\$|make |scrapy |\.venv/|export |pip )", line)] == []


@pytest.mark.parametrize("covering", sorted(set(SYSTEM.values())))
def test_every_test_that_is_named_exists(covering: str) -> None:
    file, name = covering.split("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
