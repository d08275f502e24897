"""Compares data files with the SHA-256 that stands in their names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lakeflow.adapters.iceberg.disk.fileio import reason
from lakeflow.adapters.objects import DISK
from lakeflow.core.ports.digests import digest_in
from lakeflow.core.ports.objects import Objects

_CHUNK = 1 << 20


def content_faults(paths: Iterable[str], objects: Objects = DISK) -> dict[str, str]:
    """What is wrong with each file, by path. Files that hold what was written are left out. Several files are read at a
    time.
    """
    files = tuple(paths)
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="content") as pool:
        faults = zip(files, pool.map(partial(_fault, objects=objects), files), strict=True)
        return {path: fault for path, fault in faults if fault}


def _fault(path: str, objects: Objects) -> str:
    is_ = hashlib.sha256()
    try:
        with objects.opened(path) as content:
            while chunk := content.read(_CHUNK):
                is_.update(chunk)
    except OSError as error:
        return f"{path} cannot be read: {reason(error)}"
    return "" if is_.hexdigest() == digest_in(path) else f"{path} is damaged: its content is not what was written"
