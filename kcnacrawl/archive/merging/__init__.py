"""Bringing other archives into this one.

``other`` holds a folder that is only read, ``missing`` finds what this archive does not hold of it, ``unify`` puts the
lines on one article in order, ``arrivals`` gives what comes in, ``exchanges`` copies what records were read from. What
another ledger knows besides, this one takes over itself.
"""
