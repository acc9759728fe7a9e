"""What is kept is replayed by pywb, from the files of ``warc/`` and from a WACZ."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import Crawl, scrapy, wait_for
from .warcs import read_warcs

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

BIN = Path(sys.executable).parents[1] / "replay/bin"


def manage(folder: Path, *words: str | Path) -> None:
    done = subprocess.run([BIN / "wb-manager", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def status(url: str) -> int:
    try:
        with urlopen(url, timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_pages_are_replayed_as_they_came(serve: Serve, crawl: Run, launch: Launch, tmp_path: Path) -> None:
    done = crawl(serve(articles=20, sources=1).url, "source", folder=tmp_path / "archive")
    assert scrapy(done.folder, "wacz", str(tmp_path / "pages.wacz")).returncode == 0
    for name in ("kept", "packed"):
        manage(tmp_path, "init", name)
    manage(tmp_path, "add", "kept", *(done.folder / "warc").glob("*.warc.gz"))
    manage(tmp_path, "add", "--unpack-wacz", "packed", tmp_path / "pages.wacz")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    serving = [str(BIN / "wayback"), "--directory", str(tmp_path), "--bind", "127.0.0.1", "--port", port]
    launch(serving, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: status(f"http://127.0.0.1:{port}/") == 200)
    kept = {one.id: one for one in read_warcs(done.folder)}
    for name in ("kept", "packed"):
        for record in done.records:
            page = kept[record["warc_record_id"]]
            # ``id_`` asks for the page without what pywb puts into it.
            with urlopen(f"http://127.0.0.1:{port}/{name}/2026id_/{page.url}", timeout=30) as answer:
                assert answer.read() == page.body
        assert status(f"http://127.0.0.1:{port}/{name}/2026id_/{done.records[0]['url']}x") == 404
