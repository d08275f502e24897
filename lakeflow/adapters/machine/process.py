"""Identifies this process, says what of the processors it used, and whether another one still lives. Where psutil is
not exact, the system is asked.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from lakeflow.core.model.run import Holder
from lakeflow.core.run.resources import Effort

_LINUX: Final = sys.platform == "linux"
_BOOT: Final = ("sysctl", "-n", "kern.bootsessionuuid")
_WITH_ENDED: Final = slice(11, 15)
"""proc(5), after the name: utime and stime of a process, and of its children that have ended."""
_IS_NUMBER: Final = re.compile(r"[0-9.]+")


def me() -> Holder:
    return _describe(os.getpid())


def is_alive(holder: Holder) -> bool | None:
    """True or False for a process of this host, None for any other, of which only the heartbeat tells.

    The start time tells a process from a later one with the same number. A container that shares this kernel but not
    its processes counts as another host. So does a machine with another boot: it may be this one before its last boot,
    or another one with the same name.
    """
    here = me()
    if (holder.host, holder.boot_id) != (here.host, here.boot_id):
        return None
    return _lives(holder.pid, holder.process_started)


@cache  # the process is part of the key: a forked child is another one
def _describe(pid: int) -> Holder:
    return Holder(host=socket.gethostname(), boot_id=_boot(), pid=pid, process_started=_started(pid))


def _lives(pid: int, started: str) -> bool | None:
    import psutil  # noqa: PLC0415  only who meets a lease needs it

    if not _LINUX and not _IS_NUMBER.fullmatch(started):
        return None  # an earlier release spelled it differently: its heartbeat tells
    try:
        process = psutil.Process(pid)
        return process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD} and _started(pid) == started
    except psutil.Error:
        return None if _exists(pid) else False


def _exists(pid: int) -> bool:
    """Does the process exist? True also if its details are hidden (hidepid), in which case psutil says that it is
    gone.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    """When the process began, as a text that never changes while it lives; empty when there is no such process.

    On Linux that is the count of ticks since the boot: psutil adds the time of the boot, which moves with the clock.
    """
    if not _LINUX:
        import psutil  # noqa: PLC0415  as above

        return repr(psutil.Process(pid).create_time())
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # proc(5): `pid (name) state …`; the name may hold blanks and brackets, the start time is field 22.
    return stat.rpartition(")")[2].split()[19]


@cache
def _boot() -> str:
    """The boot of this machine and, on Linux, the namespace of its process numbers. psutil knows only the time of the
    boot, which two machines may share, and which moves with the clock.
    """
    if not _LINUX:
        return subprocess.run(_BOOT, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def effort() -> Effort | None:
    """What this process and all that it started have used; None where the system does not tell."""
    spent = _linux() if sys.platform == "linux" else _elsewhere()
    return None if spent is None else Effort(time.monotonic(), spent)


def _linux() -> float | None:
    try:
        ticks = sum(_ticks(pid) for pid in _family(os.getpid()))
    except OSError:
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> Iterator[int]:
    """A process and all below it that live. OSError where the first is not to be seen."""
    yield pid
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - a name is enough
        try:
            children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii").split()
            for child in children:
                yield from _family(int(child))
        except (FileNotFoundError, ProcessLookupError):
            if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
                raise  # this kernel does not tell; otherwise the thread or the process has ended meanwhile


def _ticks(pid: int) -> int:
    """What ended meanwhile counts for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, stat.rpartition(")")[2].split()[_WITH_ENDED]))


def _elsewhere() -> float | None:
    import psutil  # noqa: PLC0415 - only where the system has no /proc

    try:
        me = psutil.Process()
        times = [each.cpu_times() for each in (me, *me.children(recursive=True))]
    except psutil.Error:
        return None
    ended = os.times()
    return float(sum(each.user + each.system for each in times) + ended.children_user + ended.children_system)
