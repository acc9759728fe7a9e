"""Collects what North Korea's state media publish, from KCNA Watch."""

__version__ = "0.1.0"
__url__ = "https://github.com/kcnacrawl/kcnacrawl"
