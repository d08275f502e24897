"""What is installed on this machine, and how much room its disks have. It imports nothing of what it looks for."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_DISTRIBUTION: Final = "lakeflow-wap"


def python_version() -> str:
    return platform.python_version()


def wanted_python() -> str:
    from importlib.metadata import metadata  # noqa: PLC0415 - only the doctor asks

    return metadata(_DISTRIBUTION)["Requires-Python"] or ""


def requirements() -> Sequence[str]:
    from importlib.metadata import requires  # noqa: PLC0415 - as above

    return requires(_DISTRIBUTION) or ()


def installed(names: Iterable[str]) -> dict[str, str | None]:
    """The version of each distribution; None where the distribution, or the module of its name, cannot be found."""
    return {name: _version(name) for name in names}


def cores() -> int:
    """How many cores this process may use, by its own affinity and its container."""
    mine = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    quota, _, period = _said("/sys/fs/cgroup/cpu.max").partition(" ")
    return max(1, min(mine, -(-int(quota) // int(period)))) if quota.isdigit() and period.isdigit() else mine


def memory() -> int:
    """The bytes of memory that this process may use: the machine's, or its container's."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = (_said("/sys/fs/cgroup/memory.max"), _said("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
    return min([whole, *(int(limit) for limit in limits if limit.isdigit())])


def _said(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def free_bytes(place: Path) -> int:
    """The free bytes on the disk of that folder, or of the nearest folder above it that exists."""
    return shutil.disk_usage(_existing(place)).free


def is_writable(place: Path) -> bool:
    """May files be made in that folder, or the folder itself if it does not exist yet?"""
    there = _existing(place)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def cache_folder(environ: Mapping[str, str], system: str = sys.platform) -> str | None:
    """The folder where this user's programs cache files; None where the user has no home."""
    if system != "darwin" and Path(environ.get("XDG_CACHE_HOME", "")).is_absolute():
        return str(Path(environ["XDG_CACHE_HOME"], "lakeflow"))
    home = Path(environ.get("HOME", ""))
    return (
        str(home / ("Library/Caches" if system == "darwin" else ".cache") / "lakeflow") if home.is_absolute() else None
    )


def _existing(place: Path) -> Path:
    return next(folder for folder in (place, *place.parents) if folder.exists())


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415 - as above

    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    # Its modules often have another name: `dateutil` of python-dateutil.
    files = [file for file in found.files or () if file.suffix in {".py", ".so"} and file.parts[0] != ".."]
    modules = {file.parts[0].partition(".")[0] for file in files} or {found.name.replace("-", "_")}
    return found.version if any(map(find_spec, modules)) else None
