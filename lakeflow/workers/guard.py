"""Starts a worker and lets nothing outlive it: `python -m lakeflow.workers.guard MODULE <pid of the parent>`.

A user's code may start programs, and these may start others in sessions of their own. When the run dies, or gives the
worker up, all of them must end. No process can ensure that after its own death, so this small one stands between the
run and the worker. On Linux every orphan below it becomes its own child (prctl(2), PR_SET_CHILD_SUBREAPER), in whatever
session. On macOS it ends those whose chain of parents still leads here.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LOOK: Final = 0.5
"""Seconds between two checks of the parent, where the system does not report its death."""

_TOLD_BY: Final = (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)
"""What this process waits for. All are blocked, so that none can come between a look and the wait for the next."""


def main() -> None:
    module, parent = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to decide
    for told in _TOLD_BY:  # what is ignored can get lost, even while it is blocked
        signal.signal(told, _nothing)
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD_BY)
    _bind_to(parent)
    worker = os.fork()
    if worker == 0:
        for told in _TOLD_BY:
            signal.signal(told, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD_BY)
        sys.argv = [module, str(os.getppid())]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    _let_go_of_pipes()
    status = _guard(worker, parent)
    _end_all()
    _end_as(status)


def _nothing(*_: object) -> None:
    """The handler of a signal that is waited for."""


def _bind_to(parent: int) -> None:
    """Be sent SIGTERM when the parent dies, or SIGALRM in order to look whether it did."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    else:
        signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)
    if os.getppid() != parent:
        os._exit(0)


def _let_go_of_pipes() -> None:
    """Close the worker's pipes here: their reader must see the worker's end, not ours."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


def _guard(worker: int, parent: int) -> int:
    """Wait until the worker ends, the parent dies or somebody sends SIGTERM; as what the worker ended. This process
    must reap orphans that end before it.
    """
    while True:
        told = signal.sigwait(_TOLD_BY)
        if told == signal.SIGTERM or os.getppid() != parent:
            return int(signal.SIGKILL)
        for ended, status in _ended():
            if ended == worker:
                return status


def _ended() -> Iterator[tuple[int, int]]:
    """The children that ended, each with its status: one signal may stand for several of them."""
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            yield child


def _end_all() -> None:
    """Kill everything below this process, again and again until nothing is left: it may start more meanwhile."""
    with suppress(ChildProcessError):
        while True:
            for process in _below(os.getpid()):
                with suppress(psutil.Error):
                    process.kill()
            os.waitpid(-1, 0)


def _below(top: int) -> list[psutil.Process]:
    """The processes below this one, by the parent that each of them names; psutil's `children` compares times, which
    move with the clock.
    """
    children: dict[int, list[psutil.Process]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        children[process.info["ppid"]].append(process)
    found, new = list[psutil.Process](), children[top]
    while new:
        found += new
        new = [child for process in new for child in children[process.pid]]
    return found


def _end_as(status: int) -> None:
    """End as the worker did, because the run reads from that what happened."""
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ended_by = os.WTERMSIG(status)
    if ended_by != signal.SIGKILL:
        signal.signal(ended_by, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD_BY)
    os.kill(os.getpid(), ended_by)


if __name__ == "__main__":
    main()
