"""Which archive an example reads."""

import argparse
from pathlib import Path


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line whose ``archive`` is an archive's folder: what ``make demo`` makes, if none is given."""
    made = argparse.ArgumentParser(description=(doc or "").split("\n\n")[0])
    made.add_argument("archive", type=_folder, nargs="?", default="output/demo", help="its folder (%(default)s)")
    return made


def _folder(text: str) -> Path:
    folder = Path(text)
    if not (folder / "articles.jsonl").is_file():
        raise argparse.ArgumentTypeError(f"{text!r} holds no articles.jsonl; `make demo` makes one in output/demo")
    return folder
