"""``python -m tests.blinded crawl …``: Scrapy, with readers that know no header of an article."""

import re

from scrapy.cmdline import execute

from kcnacrawl.pages import header

if __name__ == "__main__":
    header._HEADER = re.compile(r"Veröffentlicht am (?P<date>[0-9.]+) von (?P<label>.+)")
    execute()
