"""Any sequence of write modes and layouts, with another engine's appends between, gives what a list of rows gives; and
every reader agrees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from pyiceberg.transforms import parse_transform
from pyiceberg.types import DateType, StringType

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.layout import Layout, PartitionField, SortField, read_partition_field
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Staging
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write
from tests.duckdb.lab import sql_asset
from tests.explored import examples, lives
from tests.iceberg import foreign
from tests.iceberg.lab import FLIGHTS, Lab, arrow_schema, nothing, wall_clock

SCHEMA = Schema(
    (Field("k", Primitive("string"), 1), Field("d", Primitive("date"), 2), Field("v", Primitive("long"), 3))
)
START = date(2019, 12, 30)
LAYOUTS = [
    Layout(),
    Layout(sort_by=(SortField("v", descending=True),)),
    *(Layout((read_partition_field(text),)) for text in ("month(d)", "bucket(3, k)", "k")),
    Layout((read_partition_field("truncate(1, k)"), read_partition_field("year(d)")), (SortField("k"),)),
]
Row = tuple[str, date | None, int]

keys = st.sampled_from(["", "a", "ab", "b", "é/=", "\U0010ffff"])
days = st.one_of(st.none(), st.integers(0, 60).map(lambda n: START + timedelta(days=n)))
batches = st.dictionaries(keys, st.tuples(days, st.integers(0, 3)), max_size=4)


def part_of(layout: Layout) -> Callable[[Row], tuple[Any, ...]]:
    """The partition of a row, by pyiceberg's transforms."""

    def value(field: PartitionField, row: Row) -> Any:
        given = row[0] if field.column == "k" else (None if row[1] is None else (row[1] - date(1970, 1, 1)).days)
        type_ = StringType() if field.column == "k" else DateType()
        return None if given is None else parse_transform(field.spelled).transform(type_)(given)

    return lambda row: tuple(value(field, row) for field in layout.partition_by)


class AnySequence(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        root = Path(self.folder.name)
        self.lab = Lab(root, wall_clock)
        self.engine = DuckEngine(str(root), "1GB", 2, str(root / "spill"))
        self.lab.catalog.create(FLIGHTS, SCHEMA)
        self.rows: list[Row] = []
        self.layout = Layout()

    def teardown(self) -> None:
        self.engine.close()
        self.lab.database.close()
        self.folder.cleanup()

    @rule(layout=st.sampled_from(LAYOUTS))
    def lay_out_otherwise(self, layout: Layout) -> None:
        """What stands stays as it lies; the next write is in the new layout."""
        self.layout = layout

    @rule(mode=st.sampled_from([mode for mode in WriteMode if mode is not WriteMode.SCD2]), batch=batches)
    def write(self, mode: WriteMode, batch: dict[str, tuple[date | None, int]]) -> None:
        came = [(key, day, value) for key, (day, value) in batch.items()]
        part = part_of(self.layout)
        stays: dict[WriteMode, Callable[[Row], bool]] = {
            WriteMode.APPEND: lambda _: True,
            WriteMode.REPLACE: lambda _: False,
            WriteMode.UPSERT: lambda row: row[0] not in batch,
            WriteMode.PARTITION: lambda row: part(row) not in set(map(part, came)),
        }
        self.rows = [*(row for row in self.rows if stays[mode](row)), *came]
        self.publish(mode, came)

    @rule(batch=batches)
    def write_the_same_again(self, batch: dict[str, tuple[date | None, int]]) -> None:
        """A merge twice is the merge once, and the engine finds that out."""
        for _ in range(2):
            before = self.lab.table()
            self.write(WriteMode.UPSERT, batch)
        after = self.lab.table()
        one, two = (self.lab.catalog.scan(table, table.main) for table in (before, after))
        assert self.engine.equal(one, two)

    @rule(batch=batches.filter(bool))
    def another_engine_appends(self, batch: dict[str, tuple[date | None, int]]) -> None:
        rows = [(f"z{key}", day, value) for key, (day, value) in batch.items()]
        columns = {name: list(column) for name, column in zip(SCHEMA.names, zip(*rows, strict=True), strict=True)}
        with foreign.opened(self.lab, FLIGHTS) as table:
            table.append(pa.table(columns, schema=arrow_schema(SCHEMA)))
        self.rows += rows

    def publish(self, mode: WriteMode, came: list[Row]) -> None:
        table, catalog = self.lab.table(), self.lab.catalog
        main = table.main if mode.traits.merges else None
        write = Write(
            mode=mode,
            schema=table.schema,
            directory=catalog.data_directory(table),
            key=("k",),
            base=None if main is None else catalog.scan(table, main),
            layout=self.layout,
            partitions={} if main is None else catalog.partitions(table, main, self.layout),
        )
        with self.engine.produce(replace(sql_asset(as_sql(came)), inputs={}), {}) as produced:
            written = produced.write(write)
        staging = Staging("audit_x", table.main, mode, table.schema, written.files, {}, written.removes, self.layout)
        staged = catalog.stage(table, staging)
        head = staged.refs["audit_x"]
        catalog.commit([Publish(FLIGHTS, table.uuid, "audit_x", table.main, head, "{}", 5)], nothing)
        if mode.traits.merges:
            before = 0 if table.published is None else table.published.rows or 0
            assert before - written.replaced + written.rows == len(self.rows)

    @invariant()
    def every_reader_sees_the_rows_of_the_model(self) -> None:
        table = self.lab.table()
        if table.main is None:
            return
        expected = ordered(self.rows)
        assert table.published is not None
        assert table.published.rows == len(expected)
        ours = self.engine.relation(self.lab.catalog.scan(table, table.main)).fetchall()
        assert ordered(ours) == expected
        assert ordered(list(zip(*foreign.rows(self.lab, FLIGHTS).to_pydict().values(), strict=True))) == expected
        polars = pl.scan_iceberg(table.version, reader_override="native").collect().rows()
        assert ordered(polars) == expected


def as_sql(rows: list[Row]) -> str:
    if not rows:
        return "SELECT NULL::VARCHAR k, NULL::DATE d, NULL::BIGINT v WHERE false"
    listed = ", ".join(f"('{k}', {'NULL' if d is None else repr(str(d))}, {v})" for k, d, v in rows)
    return f"SELECT k, d::DATE d, v::BIGINT v FROM (VALUES {listed}) t(k, d, v)"


def ordered(rows: list[Any]) -> list[Any]:
    return sorted(map(tuple, rows), key=repr)


TestAnySequence = pytest.mark.timeout(1800)(AnySequence.TestCase)
TestAnySequence.settings = lives(examples(12, few=1), steps=examples(12, few=8))
