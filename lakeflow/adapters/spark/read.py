"""A pinned snapshot as a frame of Spark: its files read by field id, or a copy of its rows where Spark would read them
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from lakeflow.adapters.spark.types import spark_schema
from lakeflow.core.keys import TableKey
from lakeflow.core.model.schema import Primitive, Schema, walk
from lakeflow.core.model.table import Scan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Copy: TypeAlias = Callable[[Scan, Path], tuple[str, ...]]
"""Writes the rows of a scan into files in a folder, with the ids and types of the scan's schema."""

_GLOB: Final = frozenset("*?[]{}\\")


def frame(session: SparkSession, scan: Scan, scratch: Path, copy: Copy) -> DataFrame:
    """The rows of the scan. SchemaError, which names it, for a column with a type that Spark lacks."""
    columns = spark_schema(scan.schema, scan.key)
    files = scan.files if _is_plain(scan) else copy(scan, scratch / f"copy-{_flat(scan.key)}")
    if not files:
        return session.createDataFrame([], columns)
    # Folders called `day=1` would become columns, and a `[` in a path would be a pattern.
    reader = session.read.schema(columns).option("recursiveFileLookup", "true")
    if any(_GLOB & set(path) for path in files):
        reader = reader.option("__globPaths__", "false")
    return reader.parquet(*map(location, files))


def _is_plain(scan: Scan) -> bool:
    """Are the rows those of its files, each column in the type that it has today and told by its id?"""
    apart = scan.deletes or scan.unmarked or scan.defaults or scan.among is not None
    return not apart and not _widened(scan.schema, scan.schemas)


def _widened(schema: Schema, schemas: tuple[Schema, ...]) -> bool:
    """May a file hold int where the column is long by now, or float where it is double? Spark 3.5 does not read such
    files; a decimal that has become wider it does read.
    """
    wide = {field.id for _, field in walk(schema.fields) if field.type in _WIDE}
    return any(field.id in wide and field.type in _NARROW for each in schemas for _, field in walk(each.fields))


_WIDE: Final = (Primitive("long"), Primitive("double"))
_NARROW: Final = (Primitive("int"), Primitive("float"))


def location(path: str) -> str:
    """Local files are local whatever the cluster's own file system is, and Hadoop calls S3 by another name."""
    if path.startswith("/"):
        return f"file://{path}"
    return path.replace("s3://", "s3a://", 1) if path.startswith("s3://") else path


def _flat(key: TableKey) -> str:
    return str(key).replace(".", "-")
