"""What an extra of the package brings is imported only where it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from .arguments import ArgumentError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Wrap the imports that need an extra: where they fail, raise ``ArgumentError``, which says how to get it."""
    try:
        yield
    except ImportError as error:
        missing = error.name or str(error)
        if missing.startswith(__package__):
            raise
        raise ArgumentError(f"{missing.partition('.')[0]} is missing: pip install kcnacrawl[{name}]") from error
