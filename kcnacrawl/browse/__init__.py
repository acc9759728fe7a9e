"""The SQLite store in a browser: Datasette, with pages, searches and manners of our own. Reads only, on loopback only.

It knows nothing of Scrapy. Datasette is imported only where it is served.
"""
