"""From what a page says to what is kept: normalise, deduplicate, archive. One job each.

A pipeline may drop an item by a :class:`~scrapy.exceptions.DropItem` of its own class, which Scrapy counts by name.
"""
