"""One story through the sources: who printed it and when, what each left out, and what each put in.

What carries the same story `scrapy reprints` tells. A story is followed from the article that printed it first: the one
of `--id`, or else the one that most sources took. A template, which many print to the letter, is none.
"""

import sys
from collections import defaultdict
from pathlib import Path

from folder import parser

from kcnacrawl import read_articles
from kcnacrawl.items import Article
from kcnacrawl.reprints.beside import Piece, beside
from kcnacrawl.reprints.links import Link, read_links

PIECE = 6
"""What has fewer words is not shown."""


def read_stories(archive: Path) -> dict[str, list[Link]]:
    """The links to each article that others were taken from."""
    stories = defaultdict[str, list[Link]](list)
    with read_links(archive) as (_, links):
        for link in links:
            if link.kind != "template":
                stories[link.of_id].append(link)
    return stories


def taken_most(archive: Path, stories: dict[str, list[Link]]) -> str:
    """The story that most sources took; of those the latest."""
    sources = {one.id: one.source_id for one in read_articles(archive)}

    def taken(id_: str) -> tuple[int, int, str]:
        printed = [id_, *(link.id for link in stories[id_])]
        return len({sources[one] for one in printed}), len(printed), id_

    return max(stories, key=taken)


def tell(one: Article, how: str) -> None:
    print(f"\n{one.date_published or 'undated'}  {one.source_label or 'unknown source'}  {how}")
    print(f"  {one.headline}  ({one.id})")


def tell_alone(what: str, sign: str, paragraphs: list[list[Piece]]) -> None:
    """What one text has alone: its share of the text, and its longer pieces."""
    pieces = [piece for pieces in paragraphs for piece in pieces]
    alone = [piece.text for piece in pieces if not piece.is_shared]
    share = sum(map(len, alone)) / max(1, sum(len(piece.text) for piece in pieces))
    print(f"  {what}: {share:.0%}")
    for words in (text.split() for text in alone):
        if len(words) >= PIECE:
            print(f"  {sign} {' '.join(words)}")


def main(archive: Path, first: str | None) -> None:
    stories = read_stories(archive)
    if not stories:
        sys.exit(f"{archive} knows of no story that was printed twice; `scrapy reprints` looks for them")
    if first and first not in stories:
        sys.exit(f"{first} is no article that others were taken from")
    first = first or taken_most(archive, stories)
    # Read once more: no other text is held in memory.
    wanted = {first, *(link.id for link in stories[first])}
    articles = {one.id: one for one in read_articles(archive) if one.id in wanted}
    story = articles[first]
    tell(story, "printed it first")
    for link in sorted(stories[first], key=lambda link: (articles[link.id].date_published or "", link.id)):
        copy = articles[link.id]
        is_translation = link.kind == "translation"
        tell(copy, link.kind if is_translation else f"{link.kind}, {link.score:.0%} of both texts is common")
        if copy.in_language == story.in_language:
            left, right = beside(story.article_body, copy.article_body)
            tell_alone("left out", "-", left)
            tell_alone("put in", "+", right)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--id", help="the article that printed the story first")
    given = options.parse_args()
    main(given.archive, given.id)
