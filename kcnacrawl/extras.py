"""What an extra of the package brings is imported only where it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from .arguments import ArgumentError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around the imports that need an extra: raises ``ArgumentError``, which says how to get it, where they fail."""
    try:
        yield
    except ImportError as error:
        missing = error.name or str(error)
        if missing.startswith(__package__):
            raise
        raise ArgumentError(f"{missing.partition('.')[0]} is missing: pip install kcnacrawl[{name}]") from error
