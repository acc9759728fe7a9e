"""What holds for every component, spider and setting."""

import re
import sys
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


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_pages_select_html_and_only_the_archive_opens_files(path: Path) -> None:
    text, room = path.read_text(encoding="utf-8"), path.relative_to(ROOT / "kcnacrawl").parts[0]
    if room != "pages":
        assert not re.search(r"selectolax|\.css\(|\.xpath\(", text)
    if room not in {"archive", "replica", "stores"}:
        assert not re.search(r"sqlite3|os\.fsync|os\.pwrite", text)
    if room in {"pages", "archive"}:
        assert not re.search(r"^(?:from|import) (?:scrapy|twisted)", text, re.MULTILINE)


def test_every_import_of_scrapy_is_public() -> None:
    for path in SOURCES:
        found = re.findall(r"^from (scrapy\S*|twisted\S*) import (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not [names for module, names in found if re.search(r"(?:^|[. (,])_\w", f"{module} {names}")], path


def test_help_tells_what_there_is() -> None:
    done = processes.run([sys.executable, "-m", "scrapy"], cwd=ROOT, capture_output=True, text=True)
    assert "Serve the bundled replica" in done.stdout
