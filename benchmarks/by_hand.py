"""Two more sides of the benchmark: scripts without Scrapy, as people write them.

``python benchmarks/by_hand.py aiohttp|requests SITE AJAX_ID,… FILE``: page through the lists, read each article, write
JSON lines. The first is the fastest that is common (aiohttp, selectolax, eight at a time), the second the most common
(requests, BeautifulSoup, one after the other).
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import aiohttp
import bs4
import requests
from selectolax.lexbor import LexborHTMLParser

AT_ONCE = 8


def listing(site: str, ajax_id: str, offset: int) -> str:
    query = f"action=get_cat_by_source&die=true&from={offset}&to=10&sort=&id={ajax_id}"
    return f"{site}/wp-admin/admin-ajax.php?{query}"


async def with_aiohttp(site: str, ajax_ids: list[str], out: TextIO) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:

        async def get(url: str) -> LexborHTMLParser:
            async with places, session.get(url) as answer:
                return LexborHTMLParser(await answer.text())

        async def article(url: str) -> None:
            out.write(json.dumps(read_selectolax(await get(url), url)) + "\n")

        async def walk(ajax_id: str) -> None:
            offset = 0
            while links := [
                str(link.attributes["href"])
                for link in (await get(listing(site, ajax_id, offset))).css(".article-desc h4 a")
            ]:
                for link in links:
                    tasks.create_task(article(link))
                offset += 10

        for ajax_id in ajax_ids:
            tasks.create_task(walk(ajax_id))


def read_selectolax(tree: LexborHTMLParser, url: str) -> dict[str, Any]:
    headline = tree.css_first("h2")
    return {
        "url": url,
        "headline": headline.text() if headline else None,
        "header": next((node.text() for node in tree.css("div, p, span") if node.text().startswith("Date:")), None),
        "body": "\n\n".join(node.text() for node in tree.css(".article-content p")),
        "images": [node.attributes.get("src") for node in tree.css(".article-content img")],
    }


def with_requests(site: str, ajax_ids: list[str], out: TextIO) -> None:
    with requests.Session() as session:
        for ajax_id in ajax_ids:
            for url in links_of(session, site, ajax_id):
                soup = bs4.BeautifulSoup(session.get(url).text, "html.parser")
                out.write(json.dumps(read_soup(soup, url)) + "\n")


def links_of(session: requests.Session, site: str, ajax_id: str) -> Iterator[str]:
    offset = 0
    while True:
        soup = bs4.BeautifulSoup(session.get(listing(site, ajax_id, offset)).text, "html.parser")
        if not (links := [str(link["href"]) for link in soup.select(".article-desc h4 a")]):
            return
        yield from links
        offset += 10


def read_soup(soup: bs4.BeautifulSoup, url: str) -> dict[str, Any]:
    headline, date = soup.find("h2"), soup.find(string=lambda text: bool(text) and "Date:" in text)
    return {
        "url": url,
        "headline": headline.get_text() if headline else None,
        "header": date.parent.get_text() if date and date.parent else None,
        "body": "\n\n".join(node.get_text() for node in soup.select(".article-content p")),
        "images": [node.get("src") for node in soup.select(".article-content img")],
    }


def main() -> None:
    library, site, ajax_ids, path = sys.argv[1:]
    with Path(path).open("w", encoding="utf-8") as out:
        if library == "aiohttp":
            asyncio.run(with_aiohttp(site, ajax_ids.split(","), out))
        else:
            with_requests(site, ajax_ids.split(","), out)


if __name__ == "__main__":
    main()
