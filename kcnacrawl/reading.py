"""What the commands share that read an archive and change nothing."""

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.settings import BaseSettings

from .archive import StorageFailed
from .arguments import ArgumentError
from .run import read_folder
from .verdict import Verdict, tell


class ReadingCommand(ScrapyCommand):
    """Reads the archive in ``KCNACRAWL_DIR``; says in one line why it cannot, and leaves with that verdict's code."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        """Does what the command does; returns its exit code."""
        raise NotImplementedError

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        name = type(self).__module__.rsplit(".", 1)[-1]
        try:
            if args:
                raise ArgumentError(f"{name} takes no arguments: {args[0]!r}")
            self.exitcode = self.read(read_folder(self.settings or BaseSettings()), opts)
        except ArgumentError as error:
            self._fail(Verdict.USAGE, str(error))
        except (StorageFailed, OSError) as error:
            self._fail(Verdict.STORAGE, str(error))

    def _fail(self, verdict: Verdict, message: str) -> None:
        self.exitcode = verdict.exit_code()
        tell(verdict, self.exitcode, message)
