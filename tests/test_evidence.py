"""What is kept can be shown to a third party: that it was there at some time."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from kcnacrawl.replica.server import Replica

from .conftest import ROOT, Crawl

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

EVIDENCE = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
STAMPING = re.search(r"```sh system\n(sha256sum.*?)```", EVIDENCE, re.DOTALL)
AUTHORITY = """
[tsa]
default_tsa = ours
[ours]
serial = serial
signer_cert = tsa.crt
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
"""


def test_a_time_stamp_confirms_the_files_that_are_kept(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    crawl(serve(articles=10, sources=1).url, "source", folder=tmp_path / "output")
    (tmp_path / "tsa.cnf").write_text(AUTHORITY, encoding="utf-8")
    (tmp_path / "serial").write_text("01\n", encoding="utf-8")
    assert STAMPING is not None
    digests, query, post, verify = STAMPING[1].strip().splitlines()
    assert post.startswith("curl ")
    run(
        tmp_path,
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.crt -subj /CN=A -days 2"
        " -addext extendedKeyUsage=critical,timeStamping",
    )
    run(tmp_path, digests)
    run(tmp_path, query)
    run(tmp_path, "openssl ts -reply -config tsa.cnf -section ours -queryfile kept.tsq -out kept.tsr")
    assert "Verification: OK" in run(tmp_path, verify)
    (tmp_path / "kept.sha256").write_text("other bytes\n", encoding="utf-8")
    assert subprocess.run(["sh", "-c", verify], cwd=tmp_path, capture_output=True).returncode != 0


def run(folder: Path, line: str) -> str:
    done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
