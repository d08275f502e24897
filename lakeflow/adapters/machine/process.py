"""Which process am I, and does that one still live? Linux reads /proc, macOS asks ps and sysctl."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from lakeflow.core.model.run import Holder

_GONE: Final = frozenset("ZXx")  # proc(5): zombie and dead; a zombie writes nothing any more


def me() -> Holder:
    return _describe(os.getpid())


def is_alive(holder: Holder) -> bool | None:
    """True or False for a process of this host, None for any other: then only its heartbeat tells.

    The start time tells a process from a later one with the same number. A container that shares this kernel but not
    its processes is another host, and so is a machine that was booted otherwise: it may be this one before its last
    boot, or another one by the same name.
    """
    here = me()
    if (holder.host, holder.boot_id) != (here.host, here.boot_id):
        return None
    return _lives(holder.pid, holder.process_started)


@cache  # by process: a forked child is somebody else
def _describe(pid: int) -> Holder:
    started = _state_and_start(pid)
    return Holder(host=socket.gethostname(), boot_id=_boot(), pid=pid, process_started=started[1] if started else "")


def _lives(pid: int, started: str) -> bool | None:
    found = _state_and_start(pid)
    if found is None:
        return None if _exists(pid) else False
    return found[0] not in _GONE and found[1] == started


def _exists(pid: int) -> bool:
    """Also true for a process whose details are hidden from us (hidepid)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """One letter of state and the start time, in the system's own spelling; None when there is no such process."""
    if platform.system() != "Linux":
        state, _, started = _ask("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        return (state[:1], " ".join(started.split())) if state else None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # proc(5): `pid (name) state …`; the name may hold blanks and brackets, the start time is field 22.
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]


@cache
def _boot() -> str:
    """The boot of this machine and, on Linux, the namespace in which process numbers mean something."""
    if platform.system() != "Linux":
        return _ask("sysctl", "-n", "kern.bootsessionuuid")
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _ask(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
