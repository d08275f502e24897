"""Where a lake keeps its files, and what is kept out of its garbage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lakeflow.adapters.machine import source_files as outside
from lakeflow.adapters.objects import Places
from lakeflow.core.model.asset import Project
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.settings.settings import Settings

_WILD: Final = re.compile(r"[*?\[]")


def warehouse_of(settings: Settings, root: Path, state: Path) -> str:
    """The folder, or the place in an object store, under which new tables are made."""
    said = settings.warehouse
    if said and store_of(said):
        return said
    return str(root / said if said else state / "warehouse")


def objects_of(settings: Settings) -> Objects:
    """Where files are kept: on the disk, or in stores as the settings reach them."""
    return Places(lambda: settings.storage)


def kept_out(root: Path, project: Project, settings: Settings) -> Iterator[str]:
    """The paths that garbage collection must never touch, wherever the warehouse is: the project, and the files that it
    lands and reads.
    """
    warehouse = warehouse_of(settings, root, root / settings.state_dir)
    yield str(root)
    for asset in project.assets.values():
        for pattern in asset.outside:
            if store_of(pattern):
                yield _WILD.split(pattern)[0].rpartition("/")[0]
            else:
                yield from map(str, outside.places(root, pattern, warehouse))
