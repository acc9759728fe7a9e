"""One client in total: before each request a process takes a turn, which one of all has at a time.

A turn is a lock of the database's that ends with its connection, and when it may begin stands in the site's row, by the
database's clock. Who loses the database has no turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from psycopg import AsyncConnection

from ..archive import Locked
from .database import connect, make_tables, telling, value

_FENCE: Final = "SELECT pg_try_advisory_lock(hashtext(%s::text), hashtext(%s::text))"
_TAKE: Final = "SELECT pg_advisory_lock(hashtext(%s::text), 0)"
_GIVE_BACK: Final = "SELECT pg_advisory_unlock(hashtext(%s::text), 0)"

_JOIN: Final = "INSERT INTO kcnacrawl_sites (site) VALUES (%s) ON CONFLICT DO NOTHING"
# A request that is due moves the next one on before it leaves, whatever becomes of who sends it.
_RESERVE: Final = """
UPDATE kcnacrawl_sites AS s
SET next_at = CASE WHEN free_at <= now THEN now + make_interval(secs => %(delay)s) ELSE s.next_at END
FROM (
    SELECT site, greatest(next_at, paused_until) AS free_at, paused_until, clock_timestamp() AS now
    FROM kcnacrawl_sites WHERE site = %(site)s FOR UPDATE
) AS old
WHERE s.site = old.site
RETURNING greatest(0, extract(epoch FROM free_at - now))::float8,
    greatest(0, extract(epoch FROM old.paused_until - now))::float8, pause
"""
_SENT: Final = """
WITH counted AS (
    INSERT INTO kcnacrawl_requests AS r (site, minute, count)
    VALUES (%(site)s, date_trunc('minute', clock_timestamp()), 1)
    ON CONFLICT (site, minute) DO UPDATE SET count = r.count + 1
)
UPDATE kcnacrawl_sites SET delay = %(delay)s,
    next_at = greatest(next_at, clock_timestamp() + make_interval(secs => %(delay)s - %(ago)s)),
    paused_until = greatest(paused_until, clock_timestamp() + make_interval(secs => %(pause)s)),
    pause = CASE WHEN %(pause)s > 0 THEN %(why)s ELSE pause END
WHERE site = %(site)s
"""

# So often one that waits looks whether its run is still on.
_GLANCE: Final = 0.2


class LeftAlone(Exception):
    """The site is left alone by all for longer than a run waits; the message says for how long, and why."""


class Over(Exception):
    """The run ended while it waited for its turn."""


class Turns:
    """The turns of one run. Raises ``StoreDown`` when the database is lost, which it does not come back from."""

    def __init__(
        self, address: str, site: str, sources: Sequence[int], longest_pause: float, is_over: Callable[[], bool]
    ) -> None:
        self._address = address
        self._site = site
        self._sources = sources
        self._longest_pause = longest_pause
        self._is_over = is_over
        # The database lets one connection take a lock twice.
        self._own = asyncio.Lock()
        self._connection: AsyncConnection[Any] | None = None

    async def take(self, delay: float) -> None:
        """Wait until this process may send a request. Raise also :class:`Locked` if another crawls one of the run's
        sources, :class:`LeftAlone`, :class:`Over`.
        """
        await self._own.acquire()
        try:
            with telling():
                await self._unless_over(self._take(delay))
        except BaseException:
            self._own.release()
            raise

    async def give_back(self, *, delay: float, ago: float, pause: float, why: str) -> None:
        """Let the next request leave a delay after this one, which left so long ago, and after a pause."""
        try:
            with telling():
                connection = await self._connected()
                told = {"site": self._site, "delay": delay, "ago": ago, "pause": pause, "why": why}
                await connection.execute(_SENT, told)
                await connection.execute(_GIVE_BACK, (self._site,))
        finally:
            self._own.release()

    async def close(self) -> None:
        """Let go of what is held."""
        if self._connection is not None:
            await self._connection.close()

    async def _take(self, delay: float) -> None:
        connection = await self._connected()
        await connection.execute(_TAKE, (self._site,))
        while True:
            cursor = await connection.execute(_RESERVE, {"site": self._site, "delay": delay})
            if (row := await cursor.fetchone()) is None:
                # Somebody has cleared the table meanwhile.
                await connection.execute(_JOIN, (self._site,))
                continue
            left, pause, why = row
            if pause > self._longest_pause:
                await connection.execute(_GIVE_BACK, (self._site,))
                raise LeftAlone(f"{pause:.0f} seconds more: {why}")
            if not left:
                return
            await asyncio.sleep(left)

    async def _unless_over(self, taking: Any) -> None:
        task = asyncio.ensure_future(taking)
        while not task.done():
            await asyncio.wait({task}, timeout=_GLANCE)
            if self._is_over() and not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_GLANCE)
                raise Over
        await task

    async def _connected(self) -> AsyncConnection[Any]:
        """Return the run's one connection. It is not renewed: with it went the locks."""
        if self._connection is None:
            self._connection = await connect(self._address)
            await make_tables(self._connection)
            await self._connection.execute(_JOIN, (self._site,))
            for source in self._sources:
                if not await value(self._connection, _FENCE, self._site, str(source)):
                    raise Locked(f"another process of the cluster crawls source {source}; let it finish")
        return self._connection
