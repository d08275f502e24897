"""Where the questions of an audit go."""

from __future__ import annotations

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Computer
from lakeflow.core.model.check import CheckFile, CheckKind, SqlDialect, Suite
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_places import AuditPlaces, places_of
from lakeflow.core.run.audits.audit_request import AddedRows, AuditRequest
from lakeflow.core.spark.reach import NO_BOUND, AuditReach

ORDERS = AssetKey.parse("silver.orders")
_LARGE = 2_000_000_000


def _scan(rows: int, size: int = 0, key: AssetKey = ORDERS) -> Scan:
    return Scan(key, 1, Schema(()), rows=rows, bytes=size)


def _request(scan: Scan, engine: Computer = Computer.DUCKDB, *files: CheckFile, **more: object) -> AuditRequest:
    return AuditRequest(ORDERS, scan, Suite(files), "", engine=engine, **more)  # type: ignore[arg-type]


def test_where_nothing_is_said_only_assets_on_spark_are_asked_there_from_a_thousand_million_rows() -> None:
    assert places_of(_request(_scan(_LARGE)), NO_BOUND) == AuditPlaces()
    assert places_of(_request(_scan(1_000_000_000), Computer.SPARK), NO_BOUND) == AuditPlaces()
    found = places_of(_request(_scan(_LARGE), Computer.SPARK), NO_BOUND)
    assert found.all_rows == "2,000,000,000 rows of silver.orders are more than audit_rows = 1,000,000,000"


@pytest.mark.parametrize(
    ("reach", "says"),
    [
        (AuditReach(rows=9), "10 rows of silver.orders are more than audit_rows = 9"),
        (AuditReach(bytes=99), "100 bytes of silver.orders are more than audit_bytes = 99"),
        (AuditReach(rows=10, bytes=100), ""),
    ],
    ids=["rows", "bytes", "within"],
)
def test_what_is_said_holds_for_every_asset(reach: AuditReach, says: str) -> None:
    assert {places_of(_request(_scan(10, 100), engine), reach).all_rows for engine in Computer} == {says}


def test_the_largest_table_that_a_check_may_read_decides() -> None:
    other = _scan(20, key=AssetKey.parse("silver.customers"))
    found = places_of(_request(_scan(1), relations={"silver.customers": other}), AuditReach(rows=9))
    assert found.all_rows == "20 rows of silver.customers are more than audit_rows = 9"


def test_rows_that_a_write_added_are_asked_here_where_they_alone_are_within_reach() -> None:
    few = AddedRows(_scan(3), frozenset())
    found = places_of(_request(_scan(20), added_rows=few), AuditReach(rows=9))
    assert (bool(found.all_rows), found.added) == (True, "")


def test_a_check_in_spark_sql_is_asked_of_spark_however_small_the_table_is() -> None:
    file = CheckFile(CheckKind.ROWS, "checks/silver/orders.odd.sql", "", "odd", dialect=SqlDialect.SPARK)
    found = places_of(_request(_scan(1), Computer.SPARK, file), NO_BOUND)
    assert found == AuditPlaces(written="it is written in Spark SQL")
    assert found.need_spark
