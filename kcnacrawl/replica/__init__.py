"""A stand-in for kcnawatch.org: the demonstration, the tests and the benchmarks all crawl it.

``World`` holds the content and the truth about it, ``MarkupVariant`` decides everything about the mark-up that is
not known for certain of the real site, ``Replica`` serves the one in the other over HTTP.
"""
