"""An audit asked of both engines, side by side: each check's result on DuckDB, and on Spark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakeflow.adapters.expectations.audit import Engines, Past, alone, steps
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Decimal, Field, List, Map, Primitive, Schema, Struct, Type
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.settings.spark import EXACT
from lakeflow.workers.spark_queries import SparkQueries
from tests.expectations.lake import LocalQueries

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakeflow.adapters.spark.questions import SparkQuestions

WHY = "a test asks"


@contextmanager
def questions(session: SparkSession, asked: AuditRequest, folder: Path) -> Iterator[SparkQuestions]:
    """The relations of an audit in a session that is as exact as lakeflow's own."""
    from lakeflow.adapters.spark.failures import Running
    from lakeflow.adapters.spark.questions import SparkQuestions

    mine = session.newSession()
    for name, value in EXACT.items():
        mine.conf.set(name, value)
    folder.mkdir(exist_ok=True)
    audited = Asset(asked.asset, SqlCode("", "its audit", 1), WriteMode.REPLACE)
    running = Running(audited, personal=False, session=mine)
    with SparkQuestions(mine, asked.views, folder, _copies_nothing, running).open() as found:
        yield found


def on_duckdb(asked: AuditRequest) -> Mapping[str, CheckResult]:
    queries = LocalQueries(asked)
    with closing(queries.duckdb):
        return _results(asked, alone(queries))


def on_spark(asked: AuditRequest, found: SparkQuestions) -> Mapping[str, CheckResult]:
    return _results(asked, alone(SparkQueries(asked.views, found.ask, WHY)))


def _results(asked: AuditRequest, engines: Engines) -> Mapping[str, CheckResult]:
    return {each.unit: each.result for each in steps(asked, engines, Past()) if each.result is not None}


def _copies_nothing(*_: Any) -> tuple[str, ...]:
    raise AssertionError("these files are read as they are")


def scan_of(path: Path, key: str, columns: Mapping[str, tuple[str, list[Any]]]) -> Scan:
    """A snapshot of one file, its columns told by ids, within columns, too."""
    fields, _ = _numbered([Field(name, parse_type(type_)) for name, (type_, _) in columns.items()], 1)
    schema = pa.schema([_arrow_field(field) for field in fields])
    arrays = [pa.array(values, field.type) for field, (_, values) in zip(schema, columns.values(), strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path)
    rows = len(arrays[0])
    return Scan(AssetKey.parse(key), 1, Schema(tuple(fields), 0), (str(path),), rows, path.stat().st_size)


def _numbered(fields: list[Field], first: int) -> tuple[list[Field], int]:
    from lakeflow.adapters.spark.types import numbered

    found, last = numbered(tuple(fields), first)
    return list(found), last


def _arrow_field(field: Field) -> pa.Field:
    return pa.field(field.name, _arrow(field.type), metadata={"PARQUET:field_id": str(field.id)})


_LEAVES: Mapping[str, Callable[[], pa.DataType]] = {
    "boolean": pa.bool_,
    "int": pa.int32,
    "long": pa.int64,
    "float": pa.float32,
    "double": pa.float64,
    "string": pa.string,
    "binary": pa.binary,
    "date": pa.date32,
    "timestamp": lambda: pa.timestamp("us"),
    "timestamptz": lambda: pa.timestamp("us", "UTC"),
}


def _arrow(type_: Type) -> pa.DataType:
    match type_:
        case Struct(fields):
            return pa.struct([_arrow_field(field) for field in fields])
        case List(element):
            return pa.list_(_arrow_field(element))
        case Map(key, value):
            return pa.map_(_arrow_field(key).with_nullable(False), _arrow_field(value))
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case Primitive(name):
            return _LEAVES[name]()
    raise AssertionError(f"no test has {type_}")
