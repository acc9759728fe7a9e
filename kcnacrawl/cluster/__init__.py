"""One crawl shared out over several machines: shards on procrastinate's queue in PostgreSQL, and one polite client in
total. Imported only where ``KCNACRAWL_CLUSTER`` is set.
"""
