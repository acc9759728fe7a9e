"""What a run was made with, as its report names it."""

import hashlib
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import scrapy

from . import __version__

_READER: Final = "pages/*.py site/*.py pipelines/normalise.py downloadermiddlewares/compression.py".split()
_LIBRARIES: Final = ("selectolax", "charset-normalizer")
_OTHERS: Final = ("scrapy", "fastwarc", "msgspec", "rensa", "pyarrow")


def versions() -> dict[str, str]:
    """Return the versions of what makes a record, by name."""
    return {
        "kcnacrawl": __version__,
        "reader": reader_version(),
        "scrapy": scrapy.__version__,
        "python": platform.python_version(),
    }


@cache
def reader_version() -> str:
    """Return what tells two readers of pages apart: the beginning of a digest over the code that makes a record of a
    page, and the versions of the libraries that it stands on.
    """
    told = hashlib.sha256()
    for path in sorted(found for pattern in _READER for found in Path(__file__).parent.glob(pattern)):
        told.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for name in _LIBRARIES:
        told.update(f"{name} {version(name)}\0".encode())
    return told.hexdigest()[:16]


@cache
def code_version() -> str:
    """Return what tells two installations apart: the beginning of a digest over all code of the package, the libraries
    that it stands on where it reads, and the version of Python.
    """
    told = hashlib.sha256(f"{sys.version_info[:2]}\0".encode())
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        told.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    for name in (*_LIBRARIES, *_OTHERS):
        told.update(f"{name} {_version(name)}\0".encode())
    return told.hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # An extra that was not asked for.
        return ""
