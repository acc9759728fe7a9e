"""The record on disk and what is known of it. Knows nothing of Scrapy.

Order of safety: a line is in the log and synced before the ledger learns of it; everything but the two logs can be
rebuilt from them.
"""


class ArchiveError(Exception):
    """The archive cannot be used; the message says what is wrong and what to do."""


class Locked(ArchiveError):
    """Another run holds the archive."""


class StorageFailed(ArchiveError):
    """The archive cannot be written, or is damaged where no repair is safe. What was written is whole."""


class Unreachable(ArchiveError):
    """What the archive keeps elsewhere, or is to keep there, cannot be reached now. Nothing is lost."""
