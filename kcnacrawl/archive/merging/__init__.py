"""Bringing other archives into this one.

``other`` holds a folder that is only read, ``missing`` finds what this archive does not hold of it, ``unify`` puts the
lines on one article in order, ``exchanges`` copies what records were read from; what another ledger knows besides,
this one takes over itself.
"""
