"""Where a lake keeps its files, and what is kept out of its garbage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lakeflow.adapters.machine.files import source_files as outside
from lakeflow.adapters.objects import Places
from lakeflow.core.model.asset import Project
from lakeflow.core.ports.locations import store_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.settings.settings import Settings
from lakeflow.core.settings.storage import StorageAt

_WILD: Final = re.compile(r"[*?\[]")


def warehouse_of(settings: Settings, root: Path, state: Path) -> str:
    """The folder, or the place in an object store, under which new tables are made."""
    said = settings.warehouse
    if said and store_of(said):
        return said
    return str(root / said if said else state / "warehouse")


def objects_of(settings: Settings) -> Objects:
    """Where files are kept: on the disk, or in stores as the settings reach them."""
    return Places(lambda: storage_of(settings))


def storage_of(settings: Settings) -> StorageAt:
    """How the files of the lake's tables are reached: as the settings say; and where they name no keys and a server
    keeps the tables, with those that it hands out.
    """
    if not vends(settings):
        return settings.storage
    from lakeflow.adapters.iceberg.rest.vended import vending  # noqa: PLC0415 - others ask no server

    assert settings.rest is not None, "only a server hands out keys"
    return vending(settings.rest, settings.storage)


def files_of(settings: Settings) -> StoreFiles:
    """The files of stores, which child processes can have too."""
    if not vends(settings):
        from lakeflow.adapters.objects.handed import HandedFiles  # noqa: PLC0415 - a lake on a disk needs none

        return HandedFiles(lambda: settings.storage)
    from lakeflow.adapters.iceberg.rest.vended import VendedFiles, vending  # noqa: PLC0415 - as above

    assert settings.rest is not None, "as above"
    return VendedFiles(vending(settings.rest, settings.storage))


def handed_on(settings: Settings) -> Mapping[str, str]:
    """What a child's environment must hold to have them."""
    if not vends(settings):
        from lakeflow.adapters.objects.handed import handed  # noqa: PLC0415 - as above

        return handed(settings.storage)
    from lakeflow.adapters.iceberg.rest import vended  # noqa: PLC0415 - as above

    assert settings.rest is not None, "as above"
    return vended.handed(vended.vending(settings.rest, settings.storage))


def vends(settings: Settings) -> bool:
    """Is the server asked for keys? Keys in the settings outweigh those."""
    return settings.served_by is not None and not settings.storage_table.says_who


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
