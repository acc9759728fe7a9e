"""A real PostgreSQL server for tests: one cluster in a short folder, on a Unix socket only."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from .conftest import wait_for

# Trigrams of Korean are empty where the database's letters are ASCII's.
INITDB = "--username=postgres --encoding=UTF8 --lc-collate=C --lc-ctype=C.UTF-8 --wal-segsize=1 --no-sync".split()
LOCKED, PASSWORD = "locked", "sesame"
"""A role that must know its password; all others are believed."""
HBA = f"local all {LOCKED} scram-sha-256\nlocal all all trust\n"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "shared_buffers": "16MB",
    "lc_messages": "C",
    "log_min_messages": "fatal",
}


class Server:
    """A running server; ``folder`` is where its socket is, ``process`` its postmaster."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self._names = count(1)

    def address(self, database: str = "postgres", user: str = "postgres") -> str:
        """As ``scrapy sync`` and libpq take it."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_schema(self) -> str:
        """The address of an empty schema: cheaper than a database."""
        name = f"kcna{next(self._names)}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.address()}&options=-csearch_path%3D{name}"

    def new_database(self, options: str = "") -> str:
        """The address of an empty database."""
        name = f"kcna{next(self._names)}"
        self.run(f"CREATE DATABASE {name} {options}")
        return self.address(name)

    def run(self, statement: str) -> None:
        """A statement of the superuser's."""
        with psycopg.connect(self.address(), autocommit=True) as db:
            db.execute(statement)

    def environment(self, user: str) -> dict[str, str]:
        """In which a user finds the server and its programs without naming them."""
        path = os.pathsep.join((str(Path(program("initdb")).parent), os.environ["PATH"]))
        return os.environ | {"PATH": path, "PGHOST": str(self.folder), "PGUSER": user}


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is; Debian keeps those of its servers out of the way."""
    places = [os.environ["PATH"], *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    found = shutil.which(name, path=os.pathsep.join(places))
    assert found, f"PostgreSQL's {name} is not there: `make postgresql` installs it"
    return found


@contextmanager
def running() -> Iterator[Server]:
    """A server of its own, gone afterwards."""
    # PostgreSQL refuses root, and a socket's path is no longer than 107 bytes.
    user: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o755)
        data = folder / "data"
        made = subprocess.run(
            [program("initdb"), *INITDB, "--pgdata", data], cwd=folder, capture_output=True, text=True, **user
        )
        assert made.returncode == 0, made.stderr
        (data / "pg_hba.conf").write_text(HBA, encoding="utf-8")
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            # Tests that are killed take their server with them.
            command = ["setpriv", "--pdeathsig", "QUIT", program("postgres"), "-D", data, "-k", folder, *settings]
            process = subprocess.Popen(command, cwd=folder, stderr=log, **user)
        try:
            server = Server(folder, process)
            wait_for(lambda: process.poll() is not None or answers(server))
            assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            server.run(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()
    finally:
        shutil.rmtree(folder)


def answers(server: Server) -> bool:
    try:
        server.run("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
