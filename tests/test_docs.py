"""What docs/ says is there, and as it says."""

import re
from pathlib import Path
from typing import get_args

import pytest

from kcnacrawl.archive.ledger.schema import SCHEMA
from kcnacrawl.config import DEFAULTS
from kcnacrawl.items import Reason
from kcnacrawl.replica.faults import KINDS

from .conftest import ROOT

RELIABILITY = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARGUMENTS = (ROOT / "docs/sources-and-arguments.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").glob("*.md"))]
READING = (ROOT / "docs/reading-the-site.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
RECORD = (ROOT / "docs/record.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "kcnacrawl"
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", RELIABILITY)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_is_named_exists(file: str, test: str) -> None:
    assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_every_row_names_its_test() -> None:
    rows = [line for line in RELIABILITY.splitlines() if line.startswith("| ") and "---" not in line]
    heads = [line for line in rows if line.endswith("| test |")]
    assert len(heads) >= 6
    assert [line for line in rows if line not in heads and "::test_" not in line] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_the_replica_has_its_row(kind: str) -> None:
    assert re.search(rf"^\|[^|]*`{kind}`", RELIABILITY, re.MULTILINE)


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_every_setting_is_explained_with_its_default(name: str, default: str) -> None:
    row = f"| `{name}` | `{default}` |" if default else f"| `{name}` | "
    assert row in ARGUMENTS or row in README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", document.read_text(encoding="utf-8")):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not heading or heading in headings(target), f"{path}#{heading}"


def headings(document: Path) -> list[str]:
    """The names by which a document's headings are linked to."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found]


# What the documents say of the code


def test_every_reason_of_the_quarantine_is_explained() -> None:
    quarantine = RECORD.partition("## The quarantine")[2]
    explained = set(re.findall(r"^\| `(\w+)` \|", quarantine, re.MULTILINE))
    assert explained - {"reason"} == set(get_args(Reason))


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"`((?:[.#]|p\.|data-|link\[|og:)[^` ]+)`", READING))))
def test_every_anchor_that_is_named_is_one_of_the_code(anchor: str) -> None:
    assert any(anchor in path.read_text(encoding="utf-8") for path in (PACKAGE / "pages").glob("*.py"))


@pytest.mark.parametrize("document", [READING, ARCHITECTURE], ids=["reading-the-site.md", "architecture.md"])
def test_every_module_that_is_named_exists(document: str) -> None:
    bases = (ROOT, PACKAGE, PACKAGE / "pages")
    named = set(re.findall(r"`([\w/]+\.py)`", document))
    assert {name for name in named if not any((base / name).is_file() for base in bases)} == set()


def test_every_room_of_the_package_has_its_place_in_the_architecture() -> None:
    rooms = {path.name + "/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set(re.findall(r"`(\w+/)`", ARCHITECTURE))


def test_every_table_of_the_ledger_is_explained() -> None:
    tables = re.findall(r"CREATE TABLE (\w+)", SCHEMA)
    told = ARCHITECTURE.partition("The ledger's tables:")[2].partition("##")[0]
    assert set(re.findall(r"`(\w+)`", told)) == set(tables)
