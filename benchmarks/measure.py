"""Run a command as a process of its own and say how long it took and how much memory its processes held."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """`seconds` of wall time, and of the processor; `peak` is the most bytes that the process and its children held at
    once, pages that they share counted in each.
    """

    seconds: float
    processor: float
    peak: int


def cost_of(command: Sequence[str], cwd: Path) -> Cost:
    """Raises CalledProcessError when the command fails, after its own words on stderr."""
    with tempfile.TemporaryFile() as said:
        began, worked = time.perf_counter(), _worked()
        process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=said)
        peak = _Peak(process.pid)
        code = process.wait()
        seconds = time.perf_counter() - began
        held = peak.stop()
        if code:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            raise subprocess.CalledProcessError(code, command)
        return Cost(seconds, _worked() - worked, held)


def _worked() -> float:
    """Seconds that the processors spent on all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processor() -> float:
    """Seconds that the processors spent so far on this process and on its descendants that run (Linux)."""
    return sum(processor_of(pid) for pid in family(os.getpid()))


class _Peak:
    """Samples the resident memory of a process and its descendants from /proc (Linux)."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self._peak = max(self._peak, sum(_resident(pid) for pid in family(self._pid)))


def family(pid: int) -> list[int]:
    """The process and its descendants (Linux)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in task.read_text().split() for one in family(int(child))]
        except OSError:
            continue
    return found


def processor_of(pid: int) -> float:
    """Seconds that the processors spent on the process so far; 0 where it is gone (Linux)."""
    try:  # proc(5): `pid (name) state …`; the name may hold blanks, times of user and system are fields 14 and 15
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0.0


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
