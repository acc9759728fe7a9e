"""The database that workers share: its connections, and the tables that procrastinate does not have."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from procrastinate import App, PsycopgConnector, exceptions
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import PoolTimeout

from ..arguments import ArgumentError
from ..run import printable
from ..stores import StoreDown

# Each error is raised as well, and told in a line of ours.
for _name in ("procrastinate", "psycopg", "psycopg.pool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_SILENCE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
"""How soon our end takes a silent connection for lost; the server's end is told the same."""

_SERVER_SILENCE: Final = """
SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false)
"""

_LOCK_CLASS: Final = int.from_bytes(b"KCLU")

_SCHEMA_LOCK: Final = f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, 0)"
_HAS_QUEUE: Final = "SELECT to_regclass('procrastinate_jobs') IS NOT NULL"

# A row a site, a row a shard that was ever begun, and the requests of each minute of the last day.
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS kcnacrawl_sites (
    site text PRIMARY KEY,
    next_at timestamptz NOT NULL DEFAULT 'epoch',
    paused_until timestamptz NOT NULL DEFAULT 'epoch',
    pause text NOT NULL DEFAULT '',
    delay double precision NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS kcnacrawl_requests (
    site text,
    minute timestamptz,
    count integer NOT NULL,
    PRIMARY KEY (site, minute)
);
CREATE TABLE IF NOT EXISTS kcnacrawl_shards (
    site text,
    name text,
    worker text NOT NULL,
    folder text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    exit_code integer,
    verdict text,
    message text,
    counts jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (site, name)
);
"""


@contextmanager
def telling() -> Iterator[None]:
    """Raise :class:`StoreDown` where the database cannot be asked, :class:`ArgumentError` where it refuses."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
        raise StoreDown(out_of_reach(error)) from error
    except exceptions.ConnectorException as error:
        raise StoreDown(out_of_reach(error.__cause__ or error)) from error
    except psycopg.Error as error:
        raise ArgumentError(f"setting KCNACRAWL_CLUSTER: {printable(str(error))}") from error


def out_of_reach(error: BaseException) -> str:
    """Return the line that says so. It holds no password: drivers do not tell it."""
    return f"the cluster's database is out of reach ({printable(str(error))[:300] or type(error).__name__})"


async def connect(address: str) -> AsyncConnection[Any]:
    """Return a connection whose end is noticed within half a minute, here and at the server."""
    try:
        given = conninfo_to_dict(address)
    except psycopg.ProgrammingError as error:
        raise ArgumentError(f"setting KCNACRAWL_CLUSTER: {printable(str(error))}") from error
    parameters: dict[str, Any] = {"application_name": "kcnacrawl", "connect_timeout": 10, **_SILENCE, **given}
    connection = await AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=None)
    await connection.execute(_SERVER_SILENCE)
    return connection


async def make_tables(connection: AsyncConnection[Any]) -> None:
    """Make what is missing of procrastinate's tables and ours."""
    async with connection.transaction():
        # Two that begin at the same moment would both find nothing.
        await connection.execute(_SCHEMA_LOCK)
        if not await value(connection, _HAS_QUEUE):
            schema = App(connector=PsycopgConnector()).schema_manager.get_schema()
            await connection.execute(schema)
        await connection.execute(_TABLES)


async def value(connection: AsyncConnection[Any], query: str, *parameters: object) -> Any:
    """Return the one value that a query gives; ``None`` for none."""
    row = await (await connection.execute(query.encode(), parameters)).fetchone()
    return row[0] if row else None
