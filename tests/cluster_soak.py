"""``python -m tests.cluster_soak``: three workers share a crawl; they and their database are killed again and again.

At random a worker is killed, or told to stop, or PostgreSQL ends at once and comes back; what ends is started again, as
systemd would. Then all are left alone until every shard has ended well. Exit 0 only if the union of what the workers
hold is what the replica has, no request came before the one before was answered, all together kept the delay, and no
crawl outlived its worker.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

from .conftest import ROOT, differences, keep_their_distance, wait_for
from .postgresql import Server, answers, running
from .test_cluster import Cluster, work

DELAY = 0.1
WORKERS = 3
LONGEST_CALM_SECONDS = 600


class Soak:
    """Workers by name, each in a folder of its own, and what befell them."""

    def __init__(self, cluster: Cluster, server: Server, seed: int) -> None:
        self._cluster = cluster
        self._server = server
        self._choose = random.Random(seed)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self.told = Counter[str]()

    def keep_alive(self) -> None:
        """Start what has ended."""
        for name in map(str, range(WORKERS)):
            worker = self._workers.get(name)
            if worker is None or worker.poll() is not None:
                if worker is not None:
                    self.told[f"worker ended {worker.returncode}"] += 1
                self._workers[name] = subprocess.Popen(
                    work(pace=("KCNACRAWL_BACKOFF=0.05", f"DOWNLOAD_DELAY={DELAY}")),
                    cwd=ROOT,
                    env=self._cluster.environment(self._cluster.folder / name),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )

    def do_harm_after_a_while(self) -> None:
        """Kill or stop a worker, or the database."""
        time.sleep(self._choose.uniform(1, 8))
        harm = self._choose.choice(("SIGKILL", "SIGKILL", "SIGTERM", "database"))
        self.told[harm] += 1
        if harm == "database":
            self._server.process.send_signal(signal.SIGQUIT)
            self._server.process.wait()
            time.sleep(self._choose.random())
            self._start_server()
        else:
            worker = self._choose.choice(list(self._workers.values()))
            worker.send_signal(getattr(signal, harm))

    def _start_server(self) -> None:
        again = self._server.process
        user = {"user": self._server.folder.stat().st_uid, "extra_groups": []} if os.geteuid() == 0 else {}
        self._server.process = subprocess.Popen(again.args, cwd=self._server.folder, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]
        wait_for(lambda: answers(self._server))

    def stop(self) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.wait(30)

    def is_done(self) -> bool:
        """Whether every shard has ended well."""
        told = {one["kind"]: one for one in self._cluster.status() if one["kind"] == "queue"}
        return (told["queue"]["waiting"], told["queue"]["at_work"]) == (0, 0)


def orphans(folder: Path) -> list[str]:
    """Crawls that go on although no worker does."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        if any(str(folder).encode() in word for word in words):
            found.append(b" ".join(words).decode(errors="replace"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--articles", type=int, default=400)
    given = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(running())
        replica = stack.enter_context(Replica(World(articles=given.articles, sources=5), VARIANTS["plain"]))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kcnacrawl-")))
        cluster = Cluster(replica, server.new_database(), folder)
        cluster.plan("--since", "1997", "--months", "60")
        soak = Soak(cluster, server, given.seed)
        stack.callback(soak.stop)
        end = time.monotonic() + 60 * given.minutes
        while time.monotonic() < end:
            soak.keep_alive()
            soak.do_harm_after_a_while()
        end = time.monotonic() + LONGEST_CALM_SECONDS
        while not soak.is_done() and time.monotonic() < end:
            soak.keep_alive()
            time.sleep(2)
        soak.stop()
        asked = sorted(replica.requests, key=lambda one: one.at)
        overlaps = sum(one.answered_at is not None and one.answered_at > other.at for one, other in pairwise(asked))
        wrong = {
            "shards that did not end": int(not soak.is_done()),
            "differences": len(differences(replica, cluster.records())),
            "requests before an answer": overlaps,
            "too fast": int(not keep_their_distance(asked, DELAY)),
            "orphans": len(orphans(folder)),
        }
        print(f"befell      {dict(soak.told)}")
        print(f"requests    {len(asked)}, {len(cluster.records())} articles")
        for what, number in wrong.items():
            print(f"{what:28}{number}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
