"""Real Parquet files with field ids, and audits on them in this process, on the locked DuckDB of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.locked import LockedDuckDB
from lakeflow.adapters.expectations.audit import Past, Suites, alone, steps
from lakeflow.adapters.expectations.table import FunctionResult, QueryResult
from lakeflow.adapters.processes import Child
from lakeflow.adapters.processes.auditor import ProcessAuditor, WorkerResources
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome, Severity, Suite
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.run.audits.audit_request import AuditRequest

WEATHER = AssetKey.parse("silver.weather")
_ARROW = {
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "decimal(9,2)": pa.decimal128(9, 2),
}


def scan_of(directory: Path, key: AssetKey = WEATHER, /, **columns: tuple[str, Sequence[Any]]) -> Scan:
    """A snapshot of one Parquet file; each column is its type and its values."""
    path = directory / f"{key.layer}_{key.name}.parquet"
    fields = [
        pa.field(name, _ARROW[type_], metadata={"PARQUET:field_id": str(number)})
        for number, (name, (type_, _)) in enumerate(columns.items(), 1)
    ]
    arrays = [pa.array(values, _ARROW[type_]) for type_, values in columns.values()]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    pq.write_table(table, path)
    schema = Schema(tuple(Field(n, parse_type(t), i) for i, (n, (t, _)) in enumerate(columns.items(), 1)), 0)
    return Scan(key, 1, schema, (str(path),), table.num_rows)


def suite(*lines: str, path: str = "checks/silver/weather.py", allow_empty: bool = False) -> CheckFile:
    """A check file whose list of expectations holds these lines."""
    head = "import datetime\nimport great_expectations.expectations as gxe\n"
    head += "from great_expectations.expectations.row_conditions import Column\n"
    body = "".join(f"    {line},\n" for line in lines)
    return CheckFile(CheckKind.SUITE, path, f"{head}expectations = [\n{body}]\n", allow_empty=allow_empty)


def row_check(sql: str, name: str = "bad_rows", severity: Severity = Severity.CRITICAL, **more: Any) -> CheckFile:
    return CheckFile(CheckKind.ROWS, f"checks/silver/weather.{name}.sql", sql, name, severity, **more)


def request(scan: Scan, *files: CheckFile, **more: Any) -> AuditRequest:
    assert isinstance(scan.key, AssetKey)
    return AuditRequest(scan.key, scan, Suite(files), **{"root": str(Path.cwd()), **more})


def process_auditor(log_path: str) -> ProcessAuditor:
    """With a worker of its own, on one thread."""
    return ProcessAuditor(partial(Child, "lakeflow.workers.audit"), log_path, WorkerResources(threads=1))


class LocalQueries:
    """The worker's DuckDB, in this process; remembers what was asked."""

    def __init__(self, asked: AuditRequest) -> None:
        self.duckdb = LockedDuckDB(asked.views, {"threads": "1"})
        self.place = ErrorContext(asked.asset, personal=bool(asked.pii))
        self.asked: list[str] = []
        self.batched: list[str] = []

    def execute(self, sql: str) -> QueryResult:
        self.asked.append(sql)
        return QueryResult(*self.duckdb.execute(sql))

    def batches(self, sql: str) -> Iterator[Any]:
        self.batched.append(sql)
        return self.duckdb.batches(sql)

    def call(self, function: Callable[..., Any], inputs: Mapping[str, str], shown: int) -> FunctionResult:
        return self.duckdb.call(function, inputs, self.place, shown)

    def select(self, sql: str) -> str:
        return self.duckdb.select(sql)

    def bad_rows(self, sql: str, shown: int) -> FunctionResult:
        raise AssertionError("DuckDB reads no Spark SQL")

    @property
    def why(self) -> str:
        return ""

    def knows(self, sql: str) -> bool:
        return True

    def proves_keys(self) -> bool:
        return True


def audit(asked: AuditRequest, past: Past = Past(), suites: Suites | None = None) -> list[CheckResult]:  # noqa: B008 - frozen
    queries = LocalQueries(asked)
    try:
        return [step.result for step in steps(asked, alone(queries), past, suites) if step.result is not None]
    finally:
        queries.duckdb.close()


def checks(asked: AuditRequest) -> list[CheckResult]:
    """The results without the built-in ones."""
    return [result for result in audit(asked) if result.path]


def outcomes(results: Sequence[CheckResult]) -> Mapping[str, Outcome]:
    return {result.name: result.outcome for result in results}
