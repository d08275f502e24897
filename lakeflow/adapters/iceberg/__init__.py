"""Apache Iceberg tables in an SQL catalog, kept as every other engine can read them.

`catalog` is the port. `refs` is the only module that moves a ref. Reading metadata needs the standard library
alone; pyiceberg, half a second to import, is loaded when manifests are read or written.
"""

from lakeflow.adapters.iceberg.care.inventory import read_through, take_stock
from lakeflow.adapters.iceberg.care.relocate import Home, moved_tables, relocate
from lakeflow.adapters.iceberg.care.times import mend_times
from lakeflow.adapters.iceberg.catalog import MIGRATIONS, IcebergCatalog

__all__ = [
    "MIGRATIONS",
    "Home",
    "IcebergCatalog",
    "mend_times",
    "moved_tables",
    "read_through",
    "relocate",
    "take_stock",
]
