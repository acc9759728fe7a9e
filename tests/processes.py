"""``python -m MODULE …`` without the time its imports take: drop-ins for ``subprocess.Popen`` and ``subprocess.run``.

One warm process, which has imported Scrapy and the project and done nothing else, forks for every command. What comes
of it is a process as any other: with its own streams, folder, environment, pid and end, and a child of who asked for
it. Whatever is no such command, or is about how Python itself starts, goes by ``subprocess``.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

ROOT = Path(__file__).parent.parent
# The first two read the environment, which is another for every command; the driver of the others counts what is kept
# at the end of a process, and complains.
COLD = {"kcnacrawl.settings", "kcnacrawl.dask", "kcnacrawl.stores.parquet", "kcnacrawl.stores.rows"}

_PR_SET_CHILD_SUBREAPER = 36
_LARGEST_REQUEST = 1 << 17
_one_at_a_time = threading.Lock()


class Popen(subprocess.Popen[Any]):
    """``subprocess.Popen``, where ``[sys.executable, "-m", MODULE, …]`` is forked from the warm process."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *others: Any) -> None:
        _, _, cwd, env, _, _, shell, *pipes = others[:13]
        environment = dict(os.environ if env is None else env)
        if shell or preexec_fn or list(args[:2]) != [sys.executable, "-m"] or concerns_start(environment):
            super()._execute_child(args, executable, preexec_fn, *others)
            return
        streams = [own if pipe == -1 else pipe for own, pipe in enumerate((pipes[0], pipes[3], pipes[5]))]
        self.pid = fork(args[2:], os.fspath(cwd or Path.cwd()), environment, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)


def run(
    args: Any, *, capture_output: bool = False, timeout: float | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """``subprocess.run``, by :class:`Popen`."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Popen(args, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(args, process.returncode, stdout, stderr)


def concerns_start(environment: Mapping[str, str]) -> bool:
    """Whether an environment says what the warm process would have had to know when it started."""
    names = {name for name in {*environment, *os.environ} if name.startswith(("PYTHON", "LANG", "LC_", "TZ"))}
    return any(environment.get(name) != os.environ.get(name) for name in names)


def fork(words: list[str], cwd: str, environment: Mapping[str, str], streams: list[int]) -> int:
    """Has the warm process fork for ``python -m WORDS``; its pid, which is to be waited for."""
    request = json.dumps([words, cwd, environment]).encode()
    with _one_at_a_time:
        socket.send_fds(warm(), [request], streams)
        return int(warm().recv(20))


@cache
def warm() -> socket.socket:
    """The way to the warm process of this one, which ends with it."""
    # Orphans among our descendants become our children.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [sys.executable, "-m", "tests.processes", str(theirs.fileno())]
    with theirs:
        process = subprocess.Popen(words, cwd=ROOT, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


SHIM = """#!{python} -IS
import json, os, signal, socket, sys

door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
door.connect({door!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)])
socket.send_fds(door, [request.encode()], [0, 1, 2])
pid = int(door.recv(20))
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: os.kill(pid, number))
sys.exit(int(door.recv(20)))
"""


@contextmanager
def shim(path: Path, module: str) -> Iterator[None]:
    """Puts a program at ``path`` that any shell may run as ``python -m MODULE …``, and that is forked as well."""
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        address = f"{folder}/door"
        door.bind(address)
        door.listen()
        path.write_text(SHIM.format(python=sys.executable, door=address), encoding="utf-8")
        path.chmod(0o755)
        threading.Thread(target=open_up, args=(door, module), daemon=True).start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)


def open_up(door: socket.socket, module: str) -> None:
    """Answers whoever knocks, until the door is shut."""
    with suppress(OSError):
        while True:
            caller, _ = door.accept()
            threading.Thread(target=answer, args=(caller, module), daemon=True).start()


def answer(caller: socket.socket, module: str) -> None:
    """Runs one command for a shim; tells it the pid, then the exit code."""
    with caller:
        request, streams, *_ = socket.recv_fds(caller, _LARGEST_REQUEST, 3)
        words, cwd, environment = json.loads(request)
        # Where modules are, the warm process knows.
        environment = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        stdin, stdout, stderr = streams
        with Popen(
            [sys.executable, "-m", module, *words], cwd=cwd, env=environment, stdin=stdin, stdout=stdout, stderr=stderr
        ) as process:
            for stream in streams:
                os.close(stream)
            caller.send(str(process.pid).encode())
            code = process.wait()
        caller.send(str(code if code >= 0 else 128 - code).encode())


# In the warm process


def import_all() -> None:
    """Imports whatever a command may; what is deprecated stays out, so that who uses it is still warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for package in ("scrapy", "kcnacrawl"):
            for found in walk_packages(import_module(package).__path__, f"{package}.", lambda _: None):
                if found.name not in COLD and not found.name.endswith("__main__"):
                    with suppress(ImportError, Warning):
                        import_module(found.name)
    # What there is now stays: forks need not look through it, and so go on sharing it.
    gc.collect()
    gc.freeze()


def serve(requests: socket.socket) -> list[str]:
    """Forks at every request. Returns only in a fork: the command, for which all is in place."""
    while True:
        request, streams, *_ = socket.recv_fds(requests, _LARGEST_REQUEST, 3)
        if not request:
            sys.exit()
        if between := os.fork():
            for stream in streams:
                os.close(stream)
            os.waitpid(between, 0)
            continue
        between = os.getpid()
        if os.fork():
            os._exit(0)
        # Once its parent has ended, it is a child of who asked for it.
        while os.getppid() == between:
            os.sched_yield()
        requests.send(str(os.getpid()).encode())
        requests.close()
        return take_place(*json.loads(request), streams)


def take_place(words: list[str], cwd: str, environment: Mapping[str, str], streams: list[int]) -> list[str]:
    """Makes this process what ``python -m WORDS`` starts with."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What was known of the former streams, as whether they can be sought in, holds no longer.
    held = sys.stdout
    sys.stdout = os.fdopen(1, "w", encoding=held.encoding, errors=held.errors, closefd=False)
    sys.stdout.reconfigure(line_buffering=held.line_buffering)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = cwd
    return words


def main() -> None:
    import_all()
    requests = socket.socket(fileno=int(sys.argv[1]))
    module, *sys.argv[1:] = serve(requests)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise
        leave(end.code or 0)
    leave(0)


def leave(code: int) -> NoReturn:
    """Ends as Python does, but for taking itself apart: in a fork that costs fifteen times what forking does."""
    # As multiprocessing ends its forks; Python has no public name for either.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except OSError:
        # Python itself tells of it.
        sys.exit(code)
    os._exit(code)


if __name__ == "__main__":
    main()
