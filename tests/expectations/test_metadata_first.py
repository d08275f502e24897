"""Answers from a snapshot's metadata: the same as from its data, given only where they are certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.iceberg import MIGRATIONS, IcebergCatalog
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.changes import Publish
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import CheckResult, ReadScope
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import ColumnFacts, Staging, Statistics, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.run.write import Write

from .lake import audit, checks, request, suite

KEY = AssetKey.parse("silver.weather")
TYPES = {
    "id": "int",
    "big": "bigint",
    "day": "date",
    "at": "timestamp",
    "seen": "timestamptz",
    "price": "decimal(9,2)",
    "wide": "decimal(38,10)",
    "real": "double",
    "word": "varchar",
    "gap": "bigint",
}


class Lab:
    """A real table; each write is published."""

    def __init__(self, root: Path) -> None:
        database = Database(f"sqlite:///{root / 'catalog.db'}")
        database.initialise([MIGRATIONS])
        self.catalog = IcebergCatalog(database, str(root / "warehouse"), lambda: datetime.now(UTC))
        self.engine = DuckEngine(str(root), None, 1, str(root / "spill"))

    def write(self, sql: str, *, pii: frozenset[str] = frozenset(), ours: bool = True) -> Table:
        asset = Asset(KEY, SqlCode(sql, "x.sql", 1), WriteMode.APPEND)
        table = self.catalog.load([KEY]).get(KEY)
        with self.engine.produce(asset, {}) as produced:
            schema = table.schema if table else Schema(produced.schema.fields)
            table = table or self.catalog.create(KEY, schema)
            written = produced.write(Write(WriteMode.APPEND, table.schema, self.catalog.data_directory(table)))
        summary = Provenance("r1", 1, str(KEY), "v1").summary() if ours else {}
        staging = Staging("audit_r1", table.main, WriteMode.APPEND, table.schema, written.files, summary, pii=pii)
        staged = self.catalog.stage(table, staging)
        publish = Publish(KEY, table.uuid, "audit_r1", table.main, staged.refs["audit_r1"], "{}", 9)
        return self.catalog.commit([publish], UNRECORDED)[KEY]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.engine.close()


def rows(*values: tuple[Any, ...]) -> str:
    """A SELECT of these rows in the columns of `TYPES`."""
    spelled = (", ".join(f"{'NULL' if v is None else repr(str(v))}" for v in row) for row in values)
    typed = ", ".join(f"CAST(c{i} AS {type_}) AS {name}" for i, (name, type_) in enumerate(TYPES.items()))
    return f"SELECT {typed} FROM (VALUES {', '.join(f'({row})' for row in spelled)}) AS t({_names()})"


def _names() -> str:
    return ", ".join(f"c{i}" for i in range(len(TYPES)))


def row(chance: Random) -> tuple[Any, ...]:
    moment = datetime(2013, 1, 1).replace(day=chance.randint(1, 28), microsecond=chance.randrange(10**6))
    values = (
        chance.randint(-(2**31), 2**31 - 1),
        chance.randint(-(2**63), 2**63 - 1),
        date(chance.randint(1, 9999), 2, 3),
        moment,
        f"{moment}+00",
        Decimal(chance.randint(-(10**9) + 1, 10**9 - 1)).scaleb(-2),
        f"{chance.randint(-(10**27), 10**27)}.{chance.randint(0, 10**10 - 1):010d}",
        chance.choice([1.5, "nan", "inf", -2.0]),
        "".join(chance.choices("aÜ😀z", k=chance.randint(0, 30))),
        None,
    )
    return tuple(None if chance.random() < 0.2 else value for value in values)


def lines(chance: Random) -> list[str]:
    asked = ["gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=12)"]
    for name in TYPES:
        asked.append(f'gxe.ExpectColumnValuesToNotBeNull(column="{name}", mostly={chance.choice([0.5, 1])})')
        asked.append(f'gxe.ExpectColumnValuesToBeNull(column="{name}", mostly=0.1)')
    for name, low, high in (
        ("id", -(2**30), 2**31),
        ("big", -(2**50), 2**62),
        ("price", -5_000_000, 10_000_000),
        ("wide", -(10**26), 10**28),
        ("real", -5, 5),
        ("day", '"1000-01-01"', '"9999-12-31"'),
        ("at", '"2013-01-05"', '"2013-02-01"'),
        ("seen", '"2013-01-01"', '"2013-01-20"'),
    ):
        bounds = f"min_value={low}, max_value={high}, strict_min=True"
        asked.append(f'gxe.ExpectColumnValuesToBeBetween(column="{name}", {bounds})')
        asked.append(f'gxe.ExpectColumnMinToBeBetween(column="{name}", {bounds})')
        asked.append(f'gxe.ExpectColumnMaxToBeBetween(column="{name}", {bounds})')
    return asked


@pytest.mark.sampled(2)
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))])
def test_metadata_says_what_the_data_says(lab: Lab, seed: int) -> None:
    """Over several files, with NULL, NaN, long texts, and numbers at the ends of their types."""
    chance = Random(seed)
    for _ in range(3):
        table = lab.write(rows(*(row(chance) for _ in range(4))))
    found, asked = _both(lab, table, *lines(chance))
    assert [replace(one, scope=ReadScope.ALL) for one in found] == asked
    assert {ReadScope.METADATA, ReadScope.ALL} == {one.scope for one in found}


def test_counts_extremes_and_values_inside_bounds_need_no_data(lab: Lab) -> None:
    table = lab.write("SELECT i::BIGINT AS n, 'w' || i AS word FROM range(10) t(i)")
    asked = _request(
        lab,
        table,
        "gxe.ExpectTableRowCountToEqual(value=10)",
        'gxe.ExpectColumnValuesToNotBeNull(column="n")',
        'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=9)',
        'gxe.ExpectColumnMaxToBeBetween(column="n", max_value=9)',
        'gxe.ExpectColumnToExist(column="n")',
    )
    assert {one.scope for one in checks(asked)} == {ReadScope.METADATA}
    assert {one.name: one.scope for one in audit(asked) if not one.path} == {"schema": ReadScope.ALL}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "line",
    [
        'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=1)',  # one lies outside: how many?
        'gxe.ExpectColumnMaxToBeBetween(column="real", max_value=9)',  # NaN is in no bound
        'gxe.ExpectColumnValuesToNotBeNull(column="real")',  # and counts as NULL
        'gxe.ExpectColumnValuesToNotBeNull(column="n", row_condition=Column("n") > 3)',
        'gxe.ExpectColumnMeanToBeBetween(column="n", min_value=0)',
        'gxe.ExpectColumnMaxToBeBetween(column="secret", max_value=9)',
    ],
)
def test_everything_else_is_looked_up(lab: Lab, line: str) -> None:
    table = lab.write(
        "SELECT i::BIGINT AS n, i::DOUBLE AS real, i::BIGINT AS secret FROM range(10) t(i)", pii=frozenset({"secret"})
    )
    (found,), asked = _both(lab, table, line)
    assert found.scope is ReadScope.ALL
    assert [found] == asked


def test_nothing_is_believed_of_another_engine_s_file(lab: Lab) -> None:
    table = lab.write("SELECT 1::BIGINT AS n")
    assert lab.catalog.statistics(table, table.main or 0) is not None
    table = lab.write("SELECT 2::BIGINT AS n", ours=False)
    assert lab.catalog.statistics(table, table.main or 0) is None


def test_bounds_are_told_as_text_and_cut_text_is_not_exact(lab: Lab) -> None:
    lab.write("SELECT 1::BIGINT AS n, 'a' AS word, NULL::DATE AS day")
    table = lab.write("SELECT -5::BIGINT AS n, repeat('z', 40) AS word, NULL::DATE AS day")
    known = lab.catalog.statistics(table, table.main or 0)
    assert known == Statistics(
        2,
        {
            "n": ColumnFacts(0, "-5", "1", exact=True),
            "word": ColumnFacts(0, "a", "z" * 15 + "{"),
            "day": ColumnFacts(2),
        },
    )


def test_the_row_account_is_never_settled_by_what_we_wrote_ourselves(lab: Lab) -> None:
    """The manifests say what the write said; only the files say what is there."""
    table = lab.write("SELECT i::BIGINT AS n FROM range(10) t(i)")
    asked = replace(_request(lab, table, "gxe.ExpectTableRowCountToEqual(value=10)"), expected_rows=10)
    by_name = {one.name: one.scope for one in audit(asked)}
    assert (by_name["row count equal to 10"], by_name["rows"]) == (ReadScope.METADATA, ReadScope.ALL)


def _request(lab: Lab, table: Table, *asked: str) -> Any:
    assert table.main is not None
    scan = lab.catalog.scan(table, table.main)
    return request(scan, suite(*asked), statistics=lab.catalog.statistics(table, table.main))


def _both(lab: Lab, table: Table, *asked: str) -> tuple[list[CheckResult], list[CheckResult]]:
    """Answered with the snapshot's metadata, and without."""
    first = _request(lab, table, *asked)
    return checks(first), checks(replace(first, statistics=None))
