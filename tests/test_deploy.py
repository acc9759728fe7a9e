"""What deploy/ puts on a schedule works as it stands there, but for its places and its hours.

And docs/operating.md explains what is said then.
"""

import ast
import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcnacrawl.archive.lock import Lock
from kcnacrawl.extensions.metrics import METRICS
from kcnacrawl.replica.server import Replica
from kcnacrawl.verdict import Verdict

from .conftest import ROOT, differences, read_lines, wait_for

Serve = Callable[..., Replica]

DEPLOY = ROOT / "deploy"
CRONTAB = (DEPLOY / "crontab").read_text(encoding="utf-8")
SCHEDULE = re.compile(r"^(?:[\d*]+ +){5}", re.MULTILINE)
SERVICE = (DEPLOY / "kcnacrawl.service").read_text(encoding="utf-8")
(_, CRONJOB) = yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text(encoding="utf-8"))
POD = CRONJOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
LONGEST_STOP = 10
"""Seconds within which a run that is told to stop has ended."""

# Every minute lasts five seconds, for the daemon alone: cron clears what its jobs inherit.
CRON = """
set -e
mount -t tmpfs none /dev/shm
mount -t tmpfs none /run
mount -t tmpfs none /etc/cron.d
mount -t tmpfs none /var/spool/cron
mount --bind empty /etc/crontab
mkdir /var/spool/cron/crontabs
install -m 600 crontab /var/spool/cron/crontabs/root
mount --bind sbin /usr/sbin
exec faketime -f '@2026-01-01 00:00:50 x12' /usr/sbin/cron -f
"""
SENDMAIL = """#!/bin/sh
mail=$(mktemp {folder}/unsent.XXXXXX)
cat > $mail
mv $mail $(mktemp -u {folder}/mail/XXXXXX)
"""


def program(name: str) -> str:
    """Where a program of the system's is; without it nothing is shown, hence no skip."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert found, f"{name} is not there: `make cron` installs it"
    return found


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder like a machine on which everything is where deploy/ has it."""
    return make_machine(tmp_path)


def make_machine(folder: Path) -> Path:
    for name in ("srv/kcnacrawl", "var/lib/kcnacrawl", "var/log/kcnacrawl"):
        (folder / name).mkdir(parents=True)
    shutil.copy(ROOT / "scrapy.cfg", folder / "srv/kcnacrawl")
    (folder / "srv/kcnacrawl/.venv").symlink_to(sys.prefix)
    return folder


def placed(text: str, machine: Path) -> str:
    return re.sub(r"(?=/(?:srv|var/lib|var/log)/kcnacrawl)", str(machine), text)


# cron


@contextmanager
def cron(folder: Path, crontab: str) -> Iterator[None]:
    """A real cron daemon in namespaces of its own: it sees one crontab, and its mail is put into ``mail``."""
    daemon, unshare, _ = program("cron"), program("unshare"), program("faketime")
    assert os.geteuid() == 0, "only root may give cron a namespace of its own: run this test as root"
    for name in ("sbin", "mail"):
        (folder / name).mkdir()
    shutil.copy(daemon, folder / "sbin/cron")
    (folder / "sbin/sendmail").write_text(SENDMAIL.format(folder=folder), encoding="utf-8")
    (folder / "sbin/sendmail").chmod(0o755)
    (folder / "empty").touch()
    (folder / "crontab").write_text(crontab, encoding="utf-8")
    namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
    run = subprocess.Popen([unshare, *namespaces, "sh", "-c", CRON], cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        yield
        assert run.poll() is None, f"cron ended: {run.communicate()[1]}"
    finally:
        run.kill()
        run.communicate()


def verdicts(machine: Path) -> list[str]:
    """Of the runs that have ended, in the order in which they began."""
    paths = sorted((machine / "var/lib/kcnacrawl/runs").glob("*.json"))
    return [json.loads(path.read_bytes())["verdict"] for path in paths]


def test_cron_runs_the_line_and_mails_only_what_a_person_must_know(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=6, sources=1)
    good, bad = make_machine(tmp_path / "good"), make_machine(tmp_path / "bad")
    # The crontab once for a machine whose site answers and once for one whose site is down, every minute.
    line, _ = SCHEDULE.sub("* * * * * ", CRONTAB).split("# Edits and removals")
    sites = {good: replica.url, bad: "http://127.0.0.1:9"}
    ours = f"PYTHONPATH={ROOT}\nKCNACRAWL_BACKOFF=0.01\n"
    crontab = ours + "".join(f"KCNACRAWL_URL={url}\n{placed(line, machine)}" for machine, url in sites.items())
    with cron(tmp_path, crontab):
        wait_for(lambda: "locked" in verdicts(good))
        wait_for(lambda: verdicts(good).count("ok") >= 2)
        # A run's last line comes after its report; who leaves before ends the run.
        wait_for(lambda: "ok: 0 new" in (good / "var/log/kcnacrawl/source.log").read_text(encoding="utf-8"))
        wait_for(lambda: list((tmp_path / "mail").iterdir()))
    # One polite run outlasts its minute: the next tick finds it at work; a later one finds no news.
    assert verdicts(good)[:2] == ["ok", "locked"]
    assert set(verdicts(good)) == {"ok", "locked"}
    assert differences(replica, read_lines(good / "var/lib/kcnacrawl/articles.jsonl")) == []
    for mail in (tmp_path / "mail").iterdir():
        head, _, body = mail.read_text(encoding="utf-8").partition("\n\n")
        assert str(bad) in head
        assert re.fullmatch(r"kcnacrawl: incomplete \(3\): .*robots.txt could not be read.*; try again later\n", body)


# What the files say is to be run


@pytest.mark.parametrize(
    "line",
    [
        *re.findall(rf"{SCHEDULE.pattern}(.+)$", CRONTAB, re.MULTILINE),
        *re.findall(r"^ExecStart=(.+)$", SERVICE, re.MULTILINE),
        shlex.join(CONTAINER["command"]),
    ],
    ids=["crontab: source", "crontab: recheck", "service", "cronjob"],
)
def test_every_command_is_one_of_ours_and_gives_way_to_a_run_at_work(machine: Path, line: str) -> None:
    lock = Lock(machine / "var/lib/kcnacrawl/.lock")
    lock.acquire()
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "KCNACRAWL_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        ["sh", "-c", placed(line, machine)],
        cwd=machine / "srv/kcnacrawl",
        env=environment | {"KCNACRAWL_DIR": str(machine / "var/lib/kcnacrawl")},
        capture_output=True,
        text=True,
    )
    lock.release()
    assert verdicts(machine) == ["locked"]
    if line.startswith("cd "):
        assert done.stdout + done.stderr == "", "cron would mail this"
    else:
        assert done.returncode == 6


# A shared crawl

WORKER = (DEPLOY / "kcnacrawl-worker@.service").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
(WORKERS, PLANS) = yaml.safe_load_all((DEPLOY / "cluster.yaml").read_text(encoding="utf-8"))


def pods() -> Iterator[dict[str, Any]]:
    yield WORKERS["spec"]["template"]["spec"]
    yield PLANS["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "line",
    [
        *re.findall(r"^ExecStart=(.+)$", WORKER, re.MULTILINE),
        *(shlex.join(one["command"]) for pod in pods() for one in pod["containers"]),
        *(COMPOSE["services"][name]["command"][2].rpartition(" && ")[2] for name in ("plan", "worker")),
    ],
    ids=["service", "pod: work", "pod: plan", "compose: plan", "compose: work"],
)
def test_every_command_of_a_shared_crawl_is_one_of_ours(machine: Path, line: str) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "KCNACRAWL_DIR": str(machine / "var/lib/kcnacrawl"),
    }
    done = subprocess.run(
        ["sh", "-c", placed(line.replace("$$", "$"), machine)],
        cwd=machine / "srv/kcnacrawl",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "kcnacrawl: usage (2): setting KCNACRAWL_CLUSTER is not set: give a database as postgresql://…\n"
    )


def test_workers_come_back_by_themselves_and_leave_nobody_behind() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(WORKER)
    assert (unit["Service"]["Restart"], unit["Service"]["KillMode"]) == ("always", "control-group")
    assert int(unit["Service"]["TimeoutStopSec"]) > LONGEST_STOP
    assert COMPOSE["services"]["worker"]["restart"] == "always"
    assert COMPOSE["services"]["worker"]["stop_grace_period"] == "30s"
    assert all(pod["terminationGracePeriodSeconds"] > LONGEST_STOP for pod in pods())


def test_what_a_worker_has_stored_outlives_its_pod() -> None:
    (claim,) = WORKERS["spec"]["volumeClaimTemplates"]
    (container,) = WORKERS["spec"]["template"]["spec"]["containers"]
    folder = next(one["value"] for one in container["env"] if one["name"] == "KCNACRAWL_DIR")
    assert {one["name"]: one["mountPath"] for one in container["volumeMounts"]}[claim["metadata"]["name"]] == folder


# Batch work on Dask


@pytest.mark.parametrize("name", ["scheduler", "batch"])
def test_dask_takes_every_option_that_it_is_given(machine: Path, name: str) -> None:
    words = [*COMPOSE["services"][name]["command"], "--help"]
    done = subprocess.run(words, cwd=machine / "srv/kcnacrawl", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nobody_else_reaches_dask() -> None:
    services = COMPOSE["services"]
    assert COMPOSE["networks"] == {"batch": {"internal": True}}
    assert {name for name, one in services.items() if "batch" in one.get("networks", ())} == {"scheduler", "batch"}
    assert all("ports" not in services[name] for name in ("scheduler", "batch"))


# systemd


def test_systemd_verifies_the_units_and_prints_nothing(machine: Path) -> None:
    units = ("kcnacrawl.service", "kcnacrawl.timer", "kcnacrawl-worker@.service")
    for name in units:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        (machine / name).write_text(placed(text, machine), encoding="utf-8")
    words = [program("systemd-analyze"), "verify", *(f"./{name}" for name in units)]
    done = subprocess.run(words, cwd=machine, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_takes_no_overlap_for_a_failure_and_lets_a_run_end_in_order() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.read_string(SERVICE)
    service = unit["Service"]
    assert service["SuccessExitStatus"].split() == ["6", "143"]
    assert int(service["TimeoutStopSec"]) > LONGEST_STOP
    hardening = {"NoNewPrivileges": "true", "ProtectSystem": "strict", "ProtectHome": "true", "PrivateTmp": "true"}
    assert {name: service[name] for name in hardening} == hardening
    assert service["ReadWritePaths"] == "/var/lib/kcnacrawl"


# Log rotation


def test_logs_are_rotated_and_the_archive_is_not(machine: Path) -> None:
    records, log = machine / "var/lib/kcnacrawl/articles.jsonl", machine / "var/log/kcnacrawl/source.log"
    for path in (records, log):
        path.write_text("a line\n", encoding="utf-8")
    rules = placed((DEPLOY / "logrotate").read_text(encoding="utf-8"), machine)
    (machine / "rules").write_text(rules.replace("su kcnacrawl kcnacrawl", "su root root"), encoding="utf-8")
    (machine / "rules").chmod(0o644)
    words = [program("logrotate"), "--state", str(machine / "state")]
    done = subprocess.run([*words, "--debug", "rules"], cwd=machine, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert "Handling 1 logs" in done.stderr
    done = subprocess.run([*words, "--force", "rules"], cwd=machine, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in log.parent.iterdir()] == ["source.log.1"]
    assert [path.name for path in records.parent.iterdir()] == ["articles.jsonl"]


# Kubernetes


@pytest.mark.parametrize("name", ["cronjob.yaml", "cluster.yaml"])
def test_kubernetes_accepts_what_it_is_given_to_the_letter(name: str) -> None:
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run([validate, "--strict", DEPLOY / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cronjob_never_overlaps_and_lets_a_run_end_in_order() -> None:
    assert CRONJOB["spec"]["concurrencyPolicy"] == "Forbid"
    assert POD["terminationGracePeriodSeconds"] > LONGEST_STOP
    assert set(CONTAINER["resources"]) == {"requests", "limits"}
    assert {one["name"]: one["value"] for one in CONTAINER["env"]}["KCNACRAWL_DIR"] == "/var/lib/kcnacrawl"


# docs/operating.md

OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
LINES = OPERATING.partition("## Lines")[2].partition("## Metrics")[0]
QUOTED = [one or other for one, other in re.findall(r"^\| (?:``(.+?) ``|`([^`]+)`) \|", LINES, re.MULTILINE)]
TOLD = {"note", "warn", "warning"}
CRAWLING = ("spiders", "crawl", "downloadermiddlewares", "extensions", "pipelines")


def template(node: ast.AST) -> str:
    """A text of the code with … for what varies; empty if it is none."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    text = node.value if isinstance(node, ast.Constant) else ""
    return re.sub(r"%(?:\.\d+f|[sdg])", "…", text) if isinstance(text, str) else ""


def nodes(*rooms: str) -> Iterator[ast.AST]:
    for room in rooms:
        for path in sorted((ROOT / "kcnacrawl" / room).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_every_line_that_is_quoted_is_one_of_the_code() -> None:
    assert len(QUOTED) > 40
    assert set(QUOTED) - set(map(template, nodes("."))) == set()


def test_every_fault_and_warning_of_a_crawl_is_explained() -> None:
    calls = [one for one in nodes(*CRAWLING) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    told = {template(given) for one in calls if one.func.attr in TOLD for given in one.args}
    assert {one for one in told if re.search(r"[a-z]{3}", one)} - set(QUOTED) == set()


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_is_explained(verdict: Verdict) -> None:
    assert re.search(rf"^\| [0-9, ]*\b{verdict.exit_code()} \| `{verdict}` \| .+ \| .+ \|$", OPERATING, re.MULTILINE)


def test_every_metric_is_explained_and_no_other_is_named() -> None:
    assert set(re.findall(r"^\| `(kcnacrawl_\w+)` \|", OPERATING, re.MULTILINE)) == set(METRICS)
    assert set(re.findall(r"\bkcnacrawl_\w+", OPERATING)) == set(METRICS)
