"""A database that is older than the tables which it names."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.adapters.iceberg import newer_runs
from lakeflow.adapters.iceberg.care.ownership import LocatedDatabase
from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.ledger import run_ids
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.ports.objects import Objects


def refuse_outdated(database: LocatedDatabase, warehouse: str, objects: Objects) -> None:
    """LakeError where tables hold newer publishes than the database knows: somebody restored an old copy of the
    database, or one without its write-ahead log. To go on would lose those publishes.
    """
    with database.read() as connection:
        at = pointers.locations(connection, pointers.all_keys(connection))
    if unknown := _unknown(database, newer_runs(at, warehouse, objects)):
        key, run = next(iter(sorted(unknown.items())))
        raise LakeError(
            f"{database.place} is older than the tables: run {run} published {key}, and the ledger does not know it",
            hint="put the newest copy of the database back, with its -wal file; or `lakeflow doctor --rebuild-catalog` "
            "brings it up to the tables' own metadata",
        )


def _unknown(database: LocatedDatabase, published: Mapping[AssetKey, str]) -> dict[AssetKey, str]:
    """Those that the ledger does not know, asked after the files were seen: a run is recorded before it publishes, and
    others publish while we look.
    """
    if not published:
        return {}
    with database.read() as connection:
        known = run_ids(connection)
    return {key: run for key, run in published.items() if run not in known}
