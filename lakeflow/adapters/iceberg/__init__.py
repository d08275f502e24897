"""Apache Iceberg tables in an SQL catalog, kept as every other engine can read them.

`catalog` is the port. `refs` is the only module that moves a ref. Reading metadata needs the standard library
alone; pyiceberg, half a second to import, is loaded when manifests are read or written.
Each name here is imported when it
is first asked for: who looks does no repairs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lakeflow.adapters.iceberg.care.backup import Copied, copy_tables
    from lakeflow.adapters.iceberg.care.ground import MARKER
    from lakeflow.adapters.iceberg.care.inventory import read_through, take_stock
    from lakeflow.adapters.iceberg.care.marker import read_mark
    from lakeflow.adapters.iceberg.care.ownership import Ownership, give_id
    from lakeflow.adapters.iceberg.care.rebuild import newer_runs, tables_in
    from lakeflow.adapters.iceberg.care.relocate import Home, moved_tables, relocate
    from lakeflow.adapters.iceberg.care.times import mend_times
    from lakeflow.adapters.iceberg.care.witness import proofs_alone, witness
    from lakeflow.adapters.iceberg.catalog import MIGRATIONS, IcebergCatalog
    from lakeflow.adapters.iceberg.commit import pointers
    from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
else:
    _HOMES: Final = {
        "care.backup": (
            "Copied",
            "copy_tables",
        ),
        "care.ground": ("MARKER",),
        "care.inventory": (
            "read_through",
            "take_stock",
        ),
        "care.marker": ("read_mark",),
        "care.ownership": (
            "Ownership",
            "give_id",
        ),
        "care.rebuild": (
            "newer_runs",
            "tables_in",
        ),
        "care.relocate": (
            "Home",
            "moved_tables",
            "relocate",
        ),
        "care.times": ("mend_times",),
        "care.witness": (
            "proofs_alone",
            "witness",
        ),
        "catalog": (
            "MIGRATIONS",
            "IcebergCatalog",
        ),
        "commit": ("pointers",),
        "metadata.metadata": ("LoadedTable",),
    }
    _PLACES: Final = {name: module for module, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        return found


__all__ = [
    "MARKER",
    "MIGRATIONS",
    "Copied",
    "Home",
    "IcebergCatalog",
    "LoadedTable",
    "Ownership",
    "copy_tables",
    "give_id",
    "mend_times",
    "moved_tables",
    "newer_runs",
    "pointers",
    "proofs_alone",
    "read_mark",
    "read_through",
    "relocate",
    "tables_in",
    "take_stock",
    "witness",
]
