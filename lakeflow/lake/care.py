"""What is done to a lake as a whole, also to one that `open` refuses: looked at, moved, copied, mended, claimed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lakeflow.core.keys import AssetKey
from lakeflow.core.view.findings import Finding

if TYPE_CHECKING:
    from lakeflow.adapters.iceberg import Copied
    from lakeflow.lake.keeping.moving import MovedLake
    from lakeflow.lake.rescue import Rebuilt, RestoredLedger


def doctor(
    path: str | Path = ".", *, deep: bool = False, settings: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """What is right and what is wrong with this machine and the lake around `path`, also a lake that `open` refuses.

    `deep` reads all data and compares it with what was written.
    """
    from lakeflow.lake import diagnosis  # noqa: PLC0415 - it opens the catalog

    look = diagnosis.DEEP_LOOK if deep else diagnosis.LOOK
    return diagnosis.diagnose(Path(path), settings or {}, os.environ, look)


def relocate(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> tuple[AssetKey, ...]:
    """Give the tables of a moved or copied lake their new place; those done. All or nothing.

    BusyError while a run is at work, LakeError for a table that cannot be rewritten exactly.
    """
    from lakeflow.lake import diagnosis  # noqa: PLC0415 - it opens the catalog

    return diagnosis.relocate(diagnosis.with_own_catalog(Path(path), settings or {}, os.environ, "`doctor --relocate`"))


def mend_times(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> tuple[AssetKey, ...]:
    """Set the future times that a fast clock left in tables and runs to now, and return those tables. All or nothing.

    BusyError while a run is at work on one of them.
    """
    from lakeflow.lake import diagnosis  # noqa: PLC0415 - it opens the catalog

    return diagnosis.mend_times(
        diagnosis.with_own_catalog(Path(path), settings or {}, os.environ, "`doctor --mend-times`")
    )


def rebuild_catalog(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Rebuilt:
    """Make a lost database again from the tables' own metadata, or bring an old one up to date with it. All or nothing.

    BusyError while a run is at work, LakeError where the warehouse is another lake's.
    """
    from lakeflow.lake import diagnosis, rescue  # noqa: PLC0415 - it opens the catalog

    return rescue.rebuild(
        diagnosis.with_own_catalog(Path(path), settings or {}, os.environ, "`doctor --rebuild-catalog`")
    )


def rebuild_ledger(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> RestoredLedger:
    """Give a ledger that lost tables or rows back what the lake's tables know: proven publishes, held branches. What is
    recorded stays. All or nothing.

    BusyError while a run is at work, LakeError where the warehouse is another lake's.
    """
    from lakeflow.lake import diagnosis, rescue  # noqa: PLC0415 - it opens the catalog

    return rescue.rebuild_ledger(diagnosis.patient(Path(path), settings or {}, os.environ))


def backup(directory: str | Path, path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Copied:
    """Copy the lake around `path`, as it is at one moment, to a folder that is new or empty; runs may go on meanwhile.

    LakeError for a catalog on a server, and for a lake of which a file is missing.
    """
    from lakeflow.lake import diagnosis, rescue  # noqa: PLC0415 - it opens the catalog

    return rescue.backup(
        diagnosis.with_own_catalog(Path(path), settings or {}, os.environ, "`backup`"), Path(directory).absolute()
    )


def migrate(
    to: str, path: str | Path = ".", *, warehouse: str = "", settings: Mapping[str, str] | None = None
) -> MovedLake:
    """Move catalog and ledger of the embedded lake around `path` to the PostgreSQL database at the URL `to`, and copy
    its tables to `warehouse`, a folder or a place in an object store, if one is named. All or nothing.

    Variables in `to` are replaced whenever it is used. BusyError while a run is at work, LakeError where the database
    holds another lake.
    """
    from lakeflow.lake import diagnosis  # noqa: PLC0415 - it opens the catalog
    from lakeflow.lake.keeping import moving  # noqa: PLC0415 - as above

    return moving.migrate(diagnosis.patient(Path(path), settings or {}, os.environ), to, warehouse, os.environ)


def adopt_warehouse(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> str:
    """Make the warehouse of the lake around `path` that lake's own, though it holds files or names another lake.

    Only its marker is written. Returns the path of the warehouse. BusyError while a run is at work.
    """
    from lakeflow.lake import diagnosis  # noqa: PLC0415 - it opens the catalog

    one = diagnosis.with_own_catalog(Path(path), settings or {}, os.environ, "`adopt --warehouse`")
    diagnosis.adopt_warehouse(one)
    return one.home.warehouse
