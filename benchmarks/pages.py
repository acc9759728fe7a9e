"""``python benchmarks/pages.py [PAGES]``: CPU time to read one article page of 67 KB, every field of it.

Beside ours: what parsing alone takes with three parsers, and the fields of ``stock.py`` with parsel. Each page is read
several times, and its fastest reading counts: what else the machine does only makes one slower. Every field that was
read is compared with what the replica knows.
"""

import statistics
import sys
import time
from collections.abc import Callable

import bs4
import parsel
from selectolax.lexbor import LexborHTMLParser

from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.text import decode
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.render import Renderer
from kcnacrawl.replica.world import World
from kcnacrawl.site.urls import Site

PAGES = 200
BYTES = 67_000
TIMES = 7
SITE = Site("https://kcnawatch.org")


def pages(count: int) -> list[tuple[str, bytes, str]]:
    """Identity, page and address of articles that show their text, filled up by a script as real ones are."""
    world = World(articles=count, sources=5)
    renderer = Renderer(world, VARIANTS["plain"], SITE.url)
    found = []
    for one in world.ids():
        view = world.article(one)
        if view is None or view.gate is not None:
            continue
        page = renderer.article(view)
        script = b"<script>var filling = '%s';</script></body>" % (b"0123456789 " * (BYTES // 11))
        room = max(0, BYTES - len(page))
        filled = page.replace(b"</body>", script[:25] + script[25 : 25 + room] + b"';</script></body>")
        found.append((one, filled, f"{SITE.url}{world.truth(one)['url_path']}"))
    return found


def with_parsel(page: bytes, url: str) -> dict[str, object]:
    selector = parsel.Selector(decode(page, "utf-8"))
    return {
        "url": url,
        "headline": selector.css("h2::text").get(),
        "header": " ".join(selector.xpath("//*[contains(text(), 'Date:')][1]//text()").getall()),
        "body": "\n\n".join("".join(p.css("::text").getall()) for p in selector.css(".article-content p")),
        "images": selector.css(".article-content img::attr(src)").getall(),
    }


READERS: dict[str, Callable[[bytes, str], object]] = {
    "kcnacrawl, all fields": lambda page, url: ArticlePage(decode(page, "utf-8"), url, SITE).read(),
    "parsel, five fields": with_parsel,
    "Lexbor (selectolax), parsing alone": lambda page, _: LexborHTMLParser(decode(page, "utf-8")),
    "lxml (parsel), parsing alone": lambda page, _: parsel.Selector(decode(page, "utf-8")).root,
    "html.parser (BeautifulSoup), parsing alone": lambda page, _: bs4.BeautifulSoup(page, "html.parser"),
}


def best(read: Callable[[bytes, str], object], page: bytes, url: str) -> float:
    """Milliseconds of the fastest reading."""
    found = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        read(page, url)
        found.append(time.perf_counter() - begun)
    return min(found) * 1e3


def main(count: int) -> None:
    found = pages(count)
    world = World(articles=count, sources=5)
    for one, page, url in found:
        fields, truth = ArticlePage(decode(page, "utf-8"), url, SITE).read(), world.truth(one, SITE.url)
        got = (fields.headline, fields.date_raw, fields.label, fields.article_body, fields.access, fields.original_url)
        names = ("headline", "date_published_raw", "source_label", "article_body", "access", "original_url")
        assert got == tuple(truth[name] for name in names), one
        assert list(fields.images) == list(truth["images"]), one
    size = statistics.mean(len(page) for _, page, _ in found) / 1e3
    print(f"{len(found)} pages of {size:.0f} KB, every field of each as the replica knows it; a page takes")
    for name, read in READERS.items():
        print(f"  {name:44}  {statistics.mean(best(read, page, url) for _, page, url in found):6.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else PAGES)
