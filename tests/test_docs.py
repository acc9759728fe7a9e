"""What docs/ says is there."""

import re
from pathlib import Path

import pytest

from kcnacrawl.limits import defaults
from kcnacrawl.replica.faults import KINDS

from .conftest import ROOT

RELIABILITY = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").glob("*.md"))]
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


@pytest.mark.parametrize(("name", "default"), defaults().items())
def test_every_limit_is_explained_with_its_default(name: str, default: float) -> None:
    assert f"| `{name}` | `{default}` |" in README


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
