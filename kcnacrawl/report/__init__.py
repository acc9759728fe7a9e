"""The page that ``scrapy report`` writes: figures drawn from counts, and the HTML around them.

Needs Altair and vl-convert: ``pip install kcnacrawl[report]``.
"""
