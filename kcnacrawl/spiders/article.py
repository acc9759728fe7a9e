"""``scrapy crawl article``: given articles."""

from collections.abc import Iterator

from scrapy import Request

from ..archive.ledger import REVISITED
from ..arguments import ArticleArguments
from ..site.urls import identify
from .harvest import HarvestSpider


class ArticleSpider(HarvestSpider):
    """Fetches the articles of ``url`` and ``file`` that the archive does not hold, or holds truncated for a while."""

    name = "article"
    arguments_class = ArticleArguments
    arguments: ArticleArguments

    def opening(self) -> Iterator[Request]:
        if self.lacks_arguments():
            return
        ledger = self.run.archive.ledger
        ids = [address.id for address in self.arguments.addresses]
        held = ledger.articles.held(ids)
        settled = self.settled_among(ids)
        for address in self.arguments.addresses:
            wanted = ledger.queue.get(address.id)
            if address.id in held and (wanted is None or address.id in settled):
                self.count("articles/known")
            elif address.id in settled:
                self.count("articles/not_due")
            else:
                ledger.queue.want_url(address.id, self.site.article(address))
                card = wanted.card if wanted else None
                if wanted is not None and wanted.reason in REVISITED:
                    self.revisited.add(address.id)
                better = identify(card.url) if card else None
                yield self.article_request(better or address, card)

    def idle_requests(self) -> list[Request]:
        """Return nothing: what was not given is not asked for."""
        return []

    def count_owed(self) -> int:
        return self.run.archive.ledger.queue.owed(ids=[address.id for address in self.arguments.addresses])
