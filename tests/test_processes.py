"""A command that is forked from the warm process cannot be told from one that ``subprocess`` started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from . import processes

Module = Callable[..., list[str]]

IS_FORKED = "import sys; print('scrapy.crawler' in sys.modules)"
PROBE = """
import os, resource, signal, sys, threading, warnings
streams = (sys.stdin, sys.stdout, sys.stderr)
print(sys.argv[1:], __name__, sys.path, os.getcwd(), dict(os.environ))
print([(one.encoding, one.errors, one.line_buffering, one.fileno(), one.isatty()) for one in streams])
print([signal.getsignal(number) for number in sorted(signal.valid_signals())], signal.pthread_sigmask(0, []))
print(os.getppid(), os.getpgrp(), os.getsid(0), os.umask(0o22), os.nice(0), sorted(os.listdir("/proc/self/fd")))
print(resource.getrlimit(resource.RLIMIT_NOFILE), [one.name for one in threading.enumerate()], sys.flags)
print(sys.stdin.read(), end="한\\r\\n")
print("said", file=sys.stderr)
"""

LATER = "import sys, threading; threading.Timer(0.1, print, ['later'], {'file': sys.stderr}).start()"

LOST = """
import os, sys
sys.stdout = open(1, "w", closefd=False)
print("lost")
os.close(1)
"""


@pytest.fixture
def module(tmp_path: Path) -> Module:
    """Writes a module, and gives the command that runs it: ``module("print(1)", "word", …)``."""

    def write(text: str, *words: str) -> list[str]:
        (tmp_path / "written.py").write_text(text, encoding="utf-8")
        return [sys.executable, "-m", "written", *words]

    return write


def test_it_is_what_it_would_be_and_says_the_same(module: Module, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("given")
    told = []
    for run in (processes.run, subprocess.run):
        with (tmp_path / "input").open() as given:
            options: dict[str, Any] = {"cwd": tmp_path, "env": os.environ | {"ONE": "하나"}, "stdin": given}
            done = run(module(PROBE, "one", "두 번째"), capture_output=True, **options)
        told.append((done.stdout.decode().split("\n"), done.stderr, done.returncode))
    assert told[0] == told[1]
    assert told[0][0][-2:] == ["given한\r", ""]
    assert told[0][1:] == (b"said\n", 0)


@pytest.mark.parametrize(
    ("text", "code", "last"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('what is wrong')", 1, "what is wrong"),
        ("import os; os._exit(4)", 4, ""),
        ("raise ValueError('of no use')", 1, "ValueError: of no use"),
        ("import atexit, sys; atexit.register(print, 'left', file=sys.stderr)", 0, "left"),
        (LATER, 0, "later"),
        (LOST, 120, "OSError: [Errno 9] Bad file descriptor"),
        ("raise KeyboardInterrupt", -signal.SIGINT, "KeyboardInterrupt"),
        ("import os; os.abort()", -signal.SIGABRT, ""),
        ("import warnings; warnings.warn('odd')", 0, "  import warnings; warnings.warn('odd')"),
    ],
)
def test_it_ends_as_it_would(module: Module, tmp_path: Path, text: str, code: int, last: str) -> None:
    for run in (processes.run, subprocess.run):
        done = run(module(text), cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr.rpartition("\n")[0].rpartition("\n")[2]) == (code, last)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_ends_it_and_no_other(module: Module, tmp_path: Path, number: signal.Signals) -> None:
    words = module("import os, sys; print(os.getpid(), flush=True); sys.stdin.read()")
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        processes.Popen(words, cwd=tmp_path, **streams) as one,
        processes.Popen(words, cwd=tmp_path, **streams) as other,
    ):
        assert [int(process.stdout.readline()) for process in (one, other)] == [one.pid, other.pid]
        one.send_signal(number)
        assert one.wait() == -number
        assert other.poll() is None
        assert other.communicate(timeout=60) == (b"", b"")
    assert other.returncode == 0


def test_one_that_takes_too_long_is_killed(module: Module, tmp_path: Path) -> None:
    words = module("import time; time.sleep(600)")
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(words, cwd=tmp_path, timeout=0.1)


def test_each_begins_anew(module: Module, tmp_path: Path) -> None:
    text = "import kcnacrawl, os, random; print(hasattr(kcnacrawl, 'mark'), random.random()); kcnacrawl.mark = 1"
    told = {processes.run(module(text), cwd=tmp_path, capture_output=True, text=True).stdout for _ in range(2)}
    assert len(told) == 2
    assert all(line.startswith("False") for line in told)


def test_only_what_the_warm_process_can_be_is_forked(module: Module, tmp_path: Path) -> None:
    words = module(IS_FORKED)
    others: tuple[tuple[list[str], dict[str, Any], str], ...] = (
        (words, {}, "True"),
        ([sys.executable, "-c", IS_FORKED], {}, "False"),
        (words, {"preexec_fn": os.getpid}, "False"),
        (words, {"env": os.environ | {"PYTHONUTF8": "1"}}, "False"),
    )
    for command, options, is_forked in others:
        done = processes.run(command, cwd=tmp_path, capture_output=True, text=True, **options)
        assert done.stdout.strip() == is_forked


def test_the_warm_process_has_one_thread_and_no_reactor(module: Module, tmp_path: Path) -> None:
    text = "import os, sys; print(len(os.listdir('/proc/self/task')), 'twisted.internet.reactor' in sys.modules)"
    done = processes.run(module(text), cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "1 False\n"
