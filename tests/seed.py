"""Processes without their start: forks of one that has imported what they import.

A worker takes a third of a second of processor time to start, and four where it needs Great Expectations; few tests
ask about that. `Seed` is that one process. What it forks is what would have been started: a process of its own with
its own files, environment and group, a child of whoever asked, below the worker's own guard. Linux alone can hand a
grandchild over, so elsewhere, and in tests of processes themselves (`whole`), each starts as it does for a user.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ctypes import CDLL, c_int, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Any, Final, NoReturn

from lakeflow.adapters.processes import child

_PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
_MADV_COLLAPSE: Final = 25  # madvise(2)
_LARGE: Final = 2 << 20
"""Bytes of a large page."""
_WORKERS: Final = ("lakeflow.workers.audit", "lakeflow.workers.code")
_IMPORTED: Final = (
    *_WORKERS,
    "lakeflow.workers.guard",
    "lakeflow.adapters.duckdb.engine",
    "lakeflow.workers.functions",
)
_MOST: Final = 1 << 18
"""Bytes of a request: a command line and an environment."""

_ROOT: Final = Path(__file__).parents[1]
_HANDS_OVER: Final = bool(sys.platform == "linux")
"""Does the system give a process that lost its parent to whoever asks for it?"""

_ENVIRONMENT: Final = child._environment()
"""As it is before a test changes it, for what the seed imports is for all of them."""

_start_whole = child._start


class Forked:
    """A child of this process, as `subprocess.Popen` shows one."""

    def __init__(self, pid: int, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def terminate(self) -> None:
        if self._code is None:
            os.kill(self.pid, signal.SIGTERM)


class Seed:
    """Whom to ask for forks: `asked` leads to it, and `started` is the environment in which it came up."""

    def __init__(self, asked: socket.socket, started: Mapping[str, str]) -> None:
        self._asked = asked
        self._started = _of_the_interpreter(started)
        self._turn = Lock()

    def fork(self, words: list[str], files: tuple[int, int, int], env: Mapping[str, str], cwd: Path) -> int:
        """The pid of a child of this process: whoever has no parent any more is handed to us for a moment."""
        request = {"words": words, "cwd": str(cwd), "env": dict(env)}
        with self._turn:
            CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
            try:
                socket.send_fds(self._asked, [json.dumps(request).encode()], files)
                return int(self._asked.recv(16))
            finally:
                CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)

    def start(self, command: list[str], log: IO[bytes], env: Mapping[str, str]) -> Forked | subprocess.Popen[bytes]:
        """What `lakeflow.adapters.processes` starts: `python -P -m GUARD MODULE PARENT`."""
        if _of_the_interpreter(env) != self._started:
            return _start_whole(command, log, env)
        (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
        pid = self.fork(command[3:], (theirs_in, theirs_out, log.fileno()), env, Path.cwd())
        os.close(theirs_in)
        os.close(theirs_out)
        return Forked(pid, os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb"))


def _of_the_interpreter(env: Mapping[str, str]) -> dict[str, str]:
    """What is read once, when an interpreter starts or libraries are imported."""
    return {name: env[name] for name in env if name.startswith(("PYTHON", "LC_", "LD_", "LANG", "OMP", "ARROW"))}


@cache
def seed() -> Seed:
    """One for all tests of this session."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", "-m", "tests.seed", str(theirs.fileno())]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=_ROOT, env=_ENVIRONMENT, pass_fds=[theirs.fileno()], stdin=nothing, stdout=nothing
    )
    theirs.close()

    def close() -> None:
        ours.close()
        process.wait(timeout=30)

    atexit.register(close)
    return Seed(ours, _ENVIRONMENT)


def _start(command: list[str], log: IO[bytes], env: Mapping[str, str]) -> Any:
    return seed().start(command, log, env)


@contextmanager
def offshoot() -> Iterator[None]:
    """Inside, the workers that this fork of a seed starts are forks of one that it makes now, while it is alone: a
    process with threads cannot be forked.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = os.fork()
    if made == 0:
        ours.close()
        _let_go_of_files()
        _serve(theirs)
    theirs.close()
    child._start = Seed(ours, child._environment()).start  # type: ignore[assignment]  # shows what a Popen shows
    try:
        yield
    finally:
        ours.close()
        os.waitpid(made, 0)


def _let_go_of_files() -> None:
    """Who reads from what the command writes to must see its end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    os.close(nothing)


def start_main(module: str, stdin: socket.socket, env: Mapping[str, str]) -> Forked | subprocess.Popen[bytes]:
    """`python -m MODULE` at the root of the repository."""
    if _HANDS_OVER:
        return Forked(seed().fork([module], (stdin.fileno(), 1, 2), env, _ROOT))
    return subprocess.Popen([sys.executable, "-m", module], stdin=stdin.fileno(), cwd=_ROOT, env=dict(env))


def grow() -> None:
    """From here on the workers of lakes in this process are forks."""
    if _HANDS_OVER:
        child._start = _start


@contextmanager
def whole() -> Iterator[None]:
    """Inside, processes start as they do for a user."""
    before, child._start = child._start, _start_whole
    try:
        yield
    finally:
        child._start = before


def _serve(asked: socket.socket) -> NoReturn:
    """Fork for every request until nobody is there to ask."""
    while True:
        request, files, *_ = socket.recv_fds(asked, _MOST, 3)
        if not request:
            os._exit(0)
        _hand_over(json.loads(request), files, asked)
        for file in files:
            os.close(file)


def _import() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _IMPORTED:
            importlib.import_module(name)
        importlib.import_module("lakeflow.adapters.expectations.library.library").load()
    for name in _WORKERS:  # each is the main module of its process
        del sys.modules[name]
    gc.freeze()  # or the collector would copy every page of this in each fork
    _use_large_pages()


def _use_large_pages() -> None:
    """A fork copies one entry for each page of memory: with pages of 2 MB it takes half the time. Where the system does
    not know them, nothing happens.
    """
    advise = CDLL(None).madvise
    advise.argtypes = [c_void_p, c_size_t, c_int]
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        places, rights, *_, name = [*line.split(maxsplit=5), ""][:6]
        first, last = (int(place, 16) for place in places.split("-"))
        first, last = -(-first // _LARGE) * _LARGE, last // _LARGE * _LARGE
        if rights.startswith("rw") and name in {"", "[heap]"} and last > first:
            advise(first, last - first, _MADV_COLLAPSE)


def _hand_over(request: Mapping[str, Any], files: list[int], asked: socket.socket) -> None:
    """Fork twice: when the one between ends, the system gives its child to whoever asked."""
    reading, writing = os.pipe()
    between = os.fork()
    if between == 0:
        between = os.getpid()
        if (made := os.fork()) == 0:
            _become(request, files, between)
        os.write(writing, str(made).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(between, 0)
    asked.send(os.read(reading, 16))
    os.close(reading)


def _become(request: Mapping[str, Any], files: list[int], between: int) -> NoReturn:
    """This process is the one that was asked for from now on, with these three files and nothing of the seed's."""
    os.setpgid(0, 0)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 1024)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv = request["words"]
    while os.getppid() == between:
        time.sleep(0.001)
    _end_as(importlib.import_module(sys.argv[0]).main)


def _end_as(main: Callable[[], Any]) -> NoReturn:
    """As an interpreter ends that has nothing else to do."""
    code: Any = 0
    try:
        main()
    except SystemExit as left:
        code = left.code or 0
    except BaseException:  # noqa: BLE001 - a fork must never return into the stack of its parent
        traceback.print_exc()
        code = 1
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(code))


if __name__ == "__main__":
    _import()
    _serve(socket.socket(fileno=int(sys.argv[1])))
