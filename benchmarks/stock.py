"""The other side of the benchmark: what one writes in ten minutes, with Scrapy's stock settings and feed."""

from collections.abc import Iterator
from typing import Any

import scrapy
from scrapy.http import TextResponse


class StockSpider(scrapy.Spider):
    """Pages through the AJAX endpoint of the lists given and reads each article with parsel."""

    name = "stock"

    def __init__(self, site: str = "", ajax_ids: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.site = site
        self.ajax_ids = ajax_ids.split(",")

    async def start(self) -> Any:
        for ajax_id in self.ajax_ids:
            yield self.page(ajax_id, 0)

    def page(self, ajax_id: str, offset: int) -> scrapy.Request:
        query = f"action=get_cat_by_source&die=true&from={offset}&to=10&sort=&id={ajax_id}"
        return scrapy.Request(
            f"{self.site}/wp-admin/admin-ajax.php?{query}",
            self.parse_page,
            cb_kwargs={"ajax_id": ajax_id, "offset": offset},
        )

    def parse_page(self, response: TextResponse, ajax_id: str, offset: int) -> Iterator[scrapy.Request]:
        links = response.css(".article-desc h4 a::attr(href)").getall()
        for link in links:
            yield response.follow(link, self.parse_article)
        if links:
            yield self.page(ajax_id, offset + 10)

    def parse_article(self, response: TextResponse) -> Iterator[dict[str, Any]]:
        header = " ".join(response.xpath("//*[contains(text(), 'Date:')][1]//text()").getall())
        yield {
            "url": response.url,
            "headline": response.css("h2::text").get(),
            "header": header,
            "body": "\n\n".join("".join(p.css("::text").getall()) for p in response.css(".article-content p")),
            "images": response.css(".article-content img::attr(src)").getall(),
        }
