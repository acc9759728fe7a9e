"""``scrapy crawl article``: given articles."""

from collections.abc import AsyncIterator
from typing import Any

from ..archive.ledger import REVISITED
from ..arguments import ArticleArguments
from ..crawl.harvest import settled_among
from ..crawl.rejections import Output
from ..crawl.sources import HomePage
from ..site.urls import identify
from .base import KcnaSpider


class ArticleSpider(KcnaSpider):
    """Fetches the articles of ``url`` and ``file`` that the archive does not hold, or holds truncated for a while."""

    name = "article"
    arguments_class = ArticleArguments
    arguments: ArticleArguments

    def assemble(self) -> None:
        self.home = HomePage(self.crawler)

    async def start(self) -> AsyncIterator[Any]:
        for request in self.home.ensure(self.requests):
            yield request

    def requests(self) -> Output:
        """Request every article given that is neither held nor settled."""
        if self.lacks_arguments():
            return
        ledger = self.run.archive.ledger
        ids = [address.id for address in self.arguments.addresses]
        held = ledger.articles.held(ids)
        settled = settled_among(ledger, ids, self.arguments.window)
        for address in self.arguments.addresses:
            wanted = ledger.queue.get(address.id)
            if address.id in held and (wanted is None or address.id in settled):
                self.counts.add("articles/known")
            elif address.id in settled:
                self.counts.add("articles/not_due")
            else:
                ledger.queue.want_url(address.id, self.site.article(address))
                card = wanted.card if wanted else None
                if wanted is not None and wanted.reason in REVISITED:
                    self.fetcher.revisited.add(address.id)
                better = identify(card.url) if card else None
                yield self.fetcher.request(better or address, card)

    @property
    def unfinished(self) -> str:
        return self.home.unanswered or self.fetcher.unanswered

    def take_stock(self) -> None:
        super().take_stock()
        self.run.owed = self.run.archive.ledger.queue.owed(ids=[one.id for one in self.arguments.addresses])
