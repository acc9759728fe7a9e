"""A Datasette of one store, served until a signal."""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final

import uvicorn
from datasette.app import Datasette  # type: ignore[import-untyped]  # has none
from datasette.database import Database, QueryInterrupted  # type: ignore[import-untyped]  # as above
from datasette.plugins import pm  # type: ignore[import-untyped]  # as above
from datasette.utils import parse_metadata  # type: ignore[import-untyped]  # as above

from ..arguments import ArgumentError
from ..stores.sqlite import connect
from . import plugin, quick
from .guard import Guard

_HOST: Final = "127.0.0.1"
_FOLDER: Final = Path(str(resources.files(__package__)))
_SETTINGS: Final = {
    "sql_time_limit_ms": 5000,
    "facet_time_limit_ms": 2000,
    "default_facet_size": 40,
    "suggest_facets": False,
    "allow_download": False,
    "truncate_cells_html": 300,
    "max_csv_mb": 0,
    # What a sync writes is seen at once.
    "default_cache_ttl": 0,
}
_LONGEST_STOP_SECONDS: Final = 3
_ITS_OWN_HANDLERS: Final = "datasette.handle_exception"


class _Store(Database):  # type: ignore[misc]  # of an untyped package
    """Read as the other commands read it, whatever its name."""

    def connect(self, write: bool = False) -> Any:
        if write:
            raise PermissionError("a store is only read")
        return connect(Path(self.path))

    async def execute(self, sql: str, params: Any = None, **options: Any) -> Any:
        # What is wrong with a person's SQL that person is told.
        options |= {"log_sql_errors": False}
        asked = quick.quicker(sql)
        if asked and not await self._is_slow(sql, params):
            asked = []
        for one in asked[:-1]:
            with contextlib.suppress(QueryInterrupted):
                return await super().execute(one.sql, params, **_within(options, one))
        last = asked[-1] if asked else quick.Quicker(sql)
        return await super().execute(last.sql, params, **_within(options, last))

    async def _is_slow(self, sql: str, params: Any) -> bool:
        """Return True if a statement takes long as it is: if it looks for what many articles hold, or counts all."""
        if quick.is_search(sql):
            found = await super().execute(quick.HOW_MANY, {"search": params["search"]}, log_sql_errors=False)
            return bool(found.single_value() > quick.FEW)
        # Filled when a first sync ends.
        return bool((await super().execute("select exists (select 1 from counts)")).single_value())


def _within(options: dict[str, Any], asked: quick.Quicker) -> dict[str, Any]:
    """Return the options of a statement, with its own limit of time if it has one."""
    return options if asked.most_ms is None else options | {"custom_time_limit": asked.most_ms}


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(store: Path, warc: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve a store until SIGINT or SIGTERM, and the pages in ``warc`` that its articles were read from; call ``ready``
    with the address. Only from the main thread.

    ``port`` 0 is a free one. Raise ``ArgumentError`` for one that is in use.
    """
    with _listen(port) as listener:
        address = f"{_HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            Guard(_datasette(store, warc).app(), listener.getsockname()[1]),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=_LONGEST_STOP_SECONDS,
        )
        # uvicorn ends by them in order, and then raises them once more.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _Server(config, lambda: ready(f"http://{address}/")).run([listener])


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise ArgumentError(f"--port {port}: {os.strerror(error.errno)}; give another one, or 0") from error


def _datasette(store: Path, warc: Path) -> Any:
    # It tells every address that is not found on standard output.
    pm.unregister(name=_ITS_OWN_HANDLERS)
    pm.register(plugin)
    metadata = parse_metadata((_FOLDER / "metadata.yaml").read_text(encoding="utf-8"))
    datasette = Datasette(
        metadata=metadata | {"plugins": {plugin.NAME: {"warc": str(warc)}}},
        template_dir=str(_FOLDER / "templates"),
        static_mounts=[("static", str(_FOLDER / "static"))],
        settings=_SETTINGS,
    )
    datasette.remove_database("_memory")
    datasette.add_database(_Store(datasette, str(store)), name=plugin.STORE)
    return datasette
