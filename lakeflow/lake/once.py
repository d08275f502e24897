"""Opens a lake whose Python files run once for each state of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lakeflow.core.version.salt import with_salt
from lakeflow.lake.lake import Lake
from lakeflow.project import cache_folder, find_root, kept_file, load_once, load_settings


def open_once(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Lake:
    """The lake around `path`, as of `lakeflow.open`, for who calls no function of an asset: files that ran as they
    stand are not run again. A run imports them in its own processes.

    ProjectError and ConfigError as there.
    """
    root = find_root(Path(path))
    values, sources = load_settings(root, os.environ, settings or {})
    project = load_once(root, cache_folder(root, values, os.environ), kept_file(root, values), values.engines)
    return Lake(with_salt(project, os.environ), values, sources)
