"""What holds for every component, spider and setting."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from scrapy.settings import Settings
from scrapy.spiderloader import SpiderLoader
from scrapy.utils.misc import load_object

from kcnacrawl import settings as project
from kcnacrawl.arguments import Arguments
from kcnacrawl.spiders.base import KcnaSpider

from . import processes
from .conftest import ROOT

SETTINGS = Settings()
SETTINGS.setmodule(project, priority="project")
COMPONENTS = ("DOWNLOADER_MIDDLEWARES", "ITEM_PIPELINES", "EXTENSIONS")
SPIDERS = [SpiderLoader(SETTINGS).load(name) for name in SpiderLoader(SETTINGS).list()]
SOURCES = list((ROOT / "kcnacrawl").rglob("*.py"))


@pytest.mark.parametrize("setting", COMPONENTS)
def test_every_component_that_is_named_loads(setting: str) -> None:
    for path in getattr(project, setting):
        assert load_object(path)


def test_nobody_lowers_the_politeness_of_the_defaults() -> None:
    assert SETTINGS.getbool("ROBOTSTXT_OBEY")
    assert SETTINGS.getfloat("DOWNLOAD_DELAY") * (1 - SETTINGS.getfloat("DOWNLOAD_DELAY_JITTER")) >= 1
    assert SETTINGS.getint("CONCURRENT_REQUESTS_PER_DOMAIN") == 1
    assert not any(spider.custom_settings for spider in SPIDERS)


def test_nothing_listens() -> None:
    assert not SETTINGS.getbool("TELNETCONSOLE_ENABLED")
    assert not SETTINGS.getbool("REMOTE_CONTROL_ENABLED")


@pytest.mark.parametrize("spider", SPIDERS)
def test_every_spider_types_its_arguments(spider: type[KcnaSpider]) -> None:
    assert issubclass(spider, KcnaSpider)
    assert issubclass(spider.arguments_class, Arguments)
    assert "start_requests" not in vars(spider)


@pytest.mark.parametrize("spider", SPIDERS)
def test_no_spider_derives_from_another(spider: type[KcnaSpider]) -> None:
    assert spider.__bases__ == (KcnaSpider,)


@pytest.mark.parametrize("path", sorted((ROOT / "kcnacrawl/crawl").glob("*.py")), ids=lambda path: path.name)
def test_no_part_of_a_crawl_knows_a_spider(path: Path) -> None:
    assert not any(one.startswith("kcnacrawl.spiders") for one in inner_imports(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_pages_select_html_and_only_the_archive_opens_files(path: Path) -> None:
    room = path.relative_to(ROOT / "kcnacrawl").parts[0]
    if room != "pages":
        assert "selectolax" not in packages(path)
        assert names(path, ast.Attribute).isdisjoint({"css", "css_first", "xpath"})
    if room not in {"archive", "replica", "reprints", "stores"}:
        assert "sqlite3" not in packages(path)
        assert names(path, ast.Attribute).isdisjoint({"fsync", "pwrite"})
    if room in {"pages", "archive", "reprints"}:
        assert packages(path).isdisjoint({"scrapy", "twisted"})


def test_every_import_of_scrapy_is_public() -> None:
    private = [
        f"{path}: {module}.{name}"
        for path in SOURCES
        for module, name in imports(path)
        if module.partition(".")[0] in {"scrapy", "twisted"} and re.search(r"(?:^|\.)_", f"{module}.{name}")
    ]
    assert private == []


def test_no_module_imports_what_imports_it() -> None:
    graph = {module(path): set(inner_imports(path)) for path in SOURCES}
    assert [sorted(circle) for circle in circles(graph)] == []


# What the code says of itself


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def names(path: Path, kind: type[ast.Attribute]) -> set[str]:
    """The attributes that the code asks of anything."""
    return {node.attr for node in ast.walk(tree(path)) if isinstance(node, kind)}


def imports(path: Path) -> list[tuple[str, str]]:
    """``(module, name)`` of everything imported from other packages; a module imported whole has no name."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(one.name, "") for one in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [(node.module or "", one.name) for one in node.names]
    return found


def packages(path: Path) -> set[str]:
    return {module.partition(".")[0] for module, _ in imports(path)}


def module(path: Path) -> str:
    """``kcnacrawl.archive.ledger``; a package is called as its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path) for path in SOURCES}


def inner_imports(path: Path) -> Iterator[str]:
    """The modules of ours that a module needs when it is imported; what a function imports comes later."""
    for node in imported_at_once(tree(path)):
        if node.level:
            parts = module(path).split(".")
            kept = len(parts) - node.level + (path.name == "__init__.py")
            base = ".".join([*parts[:kept], *filter(None, [node.module])])
            for one in node.names:
                yield f"{base}.{one.name}" if f"{base}.{one.name}" in MODULES else base


def imported_at_once(node: ast.AST) -> Iterator[ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not is_for_types(child):
            yield from imported_at_once(child)


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Sets of modules of which each reaches every other."""
    reach = {one: reachable(graph, one) for one in graph}
    for one in graph:
        circle = {other for other in reach[one] if one in reach[other]}
        if circle and one == min(circle):
            yield circle


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += graph.get(one, ())
    return found


def test_help_tells_what_there_is() -> None:
    done = processes.run([sys.executable, "-m", "scrapy"], cwd=ROOT, capture_output=True, text=True)
    assert "Serve the bundled replica" in done.stdout
