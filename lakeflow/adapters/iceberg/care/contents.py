"""Compares data files with the SHA-256 that stands in their names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lakeflow.core.model.digests import digest_in


def content_faults(paths: Iterable[str]) -> dict[str, str]:
    """What is wrong with each file, by path. Files that hold what was written are left out. Several files are read at a
    time.
    """
    files = tuple(paths)
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="content") as pool:
        faults = zip(files, pool.map(_fault, files), strict=True)
        return {path: fault for path, fault in faults if fault}


def _fault(path: str) -> str:
    try:
        with Path(path).open("rb") as content:
            is_ = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return "" if is_ == digest_in(path) else f"{path} is damaged: its content is not what was written"
