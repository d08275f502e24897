"""Audits asked of Spark: chosen by rows and by dialect, told in each result, errored where they cannot be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lakeflow
from lakeflow.core.errors import SchemaError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, ReadScope, StepState
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.spark.asked import SparkAnswer
from lakeflow.core.spark.said import queries as translation
from lakeflow.workers.spark_queries import SparkQueries
from tests.expectations.lake import request
from tests.spark.audits import questions, scan_of
from tests.spark.session import required
from tests.spark.test_engine import steps_of, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BRONZE = """/*
[columns.email]
pii = true
*/
select i as id, case when i % 5 = 0 then null else 'c' || (i % 3) end as customer, i * 1.25 as total,
  'ada' || i || '@x.org' as email from range(40) t(i)
"""
SUITE = r"""
import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="id", min_value=0, max_value=39),
    gxe.ExpectColumnSumToBeBetween(column="total", min_value=975, max_value=975),
    gxe.ExpectColumnValuesToMatchRegex(column="customer", regex=r"c\b", severity="info"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer", mostly=0.9, severity="warning"),
]
"""
IN_SPARK = """/*
dialect = "spark"
severity = "warning"
*/
select id, customer from silver.orders
where customer rlike '^c[12]$' and id not in (select id from published.silver.orders)
"""
_WHY = "asked of Spark: 40 rows of silver.orders are more than audit_rows = 39"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    required()
    root = tmp_path_factory.mktemp("audited")
    conf = '"spark.driver.memory" = "512m"\n"spark.sql.shuffle.partitions" = 1\nmaster = "local[1]"\naudit_rows = 39\n'
    write(root, "pyproject.toml", f"[tool.lakeflow]\n[tool.lakeflow.spark]\n{conf}")
    write(root, "layers/bronze/raw.sql", BRONZE)
    orders = '/*\nengine = "spark"\nkey = ["id"]\n*/\nselect id, customer, total from bronze.raw'
    write(root, "layers/silver/orders.sql", orders)
    write(root, "layers/silver/few.sql", '/*\nkey = ["id"]\n*/\nselect id, customer from bronze.raw where id < 10')
    write(root, "layers/silver/lost.sql", '/*\nkey = ["id"]\n*/\nselect id from bronze.raw where id < 3')
    write(root, "checks/silver/orders.py", SUITE)
    write(root, "checks/silver/orders.new.sql", IN_SPARK)
    write(root, "checks/silver/few.odd.sql", '/*\ndialect = "spark"\n*/\nselect * from silver.few where isnan(id)')
    memory = "select id from silver.lost where length(repeat('x', 1000000000 + cast(id as int))) < 2"
    write(root, "checks/silver/lost.memory.sql", f'/*\ndialect = "spark"\n*/\n{memory}')
    return root


@pytest.fixture(scope="module")
def steps(root: Path) -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEFLOW_PII_SALT", "x" * 32)
        with lakeflow.open(root) as lake:
            # What loses the session comes last: it would take with it whatever is under way.
            yield steps_of(lake, "bronze.raw", "silver.few", "silver.orders") | steps_of(lake, "silver.lost")


def _checks(steps: dict[str, Any], asset: str) -> dict[str, CheckResult]:
    return {check.name: check for check in steps[asset].checks}


def test_a_table_beyond_the_setting_is_asked_of_spark_and_each_result_says_why(steps: dict[str, Any]) -> None:
    checks = _checks(steps, "silver.orders")
    asked = {name for name, check in checks.items() if check.asked == _WHY}
    assert asked == {
        "sum of total between 975 and 975",
        r"customer matches /c\b/",
        "customer not null for at least 90%",
        "key (id) not null",
        "key (id) unique",
        "rows",
    }
    assert checks["id between 0 and 39"].scope is ReadScope.METADATA
    assert checks["schema"].asked == ""


def test_what_was_found_there_is_told_as_always(steps: dict[str, Any]) -> None:
    checks = _checks(steps, "silver.orders")
    missing = checks["customer not null for at least 90%"]
    assert (missing.failed_rows, missing.rows, missing.detail) == (8, 40, "8 of 40 rows (20%)")
    assert [sorted(row) for row in missing.samples] == [["customer", "id"]] * 5
    assert checks["key (id) unique"].rows == 40


def test_what_cannot_be_asked_is_errored_with_the_reason_and_nothing_of_it_is_published(steps: dict[str, Any]) -> None:
    refused = _checks(steps, "silver.orders")[r"customer matches /c\b/"]
    assert refused.outcome is Outcome.ERRORED
    assert refused.detail == (
        r"Spark cannot be asked this: /\b/ in a regular expression is not known to mean the same "
        'in DuckDB and in Spark; write it as a row check in Spark SQL (dialect = "spark")'
    )
    assert steps["silver.orders"].state is StepState.HELD


def test_a_row_check_in_spark_sql_reads_the_branch_and_what_readers_see(steps: dict[str, Any]) -> None:
    found = _checks(steps, "silver.orders")["new"]
    assert (found.outcome, found.failed_rows, found.rows) == (Outcome.FAILED, 21, 40)
    assert found.asked == "asked of Spark: it is written in Spark SQL"
    assert {row["customer"] for row in found.samples} <= {"c1", "c2"}


def test_a_small_table_is_asked_of_duckdb_but_for_what_is_written_in_spark_sql(steps: dict[str, Any]) -> None:
    checks = _checks(steps, "silver.few")
    assert {name for name, check in checks.items() if check.asked} == {"odd"}
    assert steps["silver.few"].state is StepState.PUBLISHED


def test_a_session_that_is_lost_in_an_audit_is_an_errored_check_and_the_branch_is_held(steps: dict[str, Any]) -> None:
    lost = _checks(steps, "silver.lost")["memory"]
    assert lost.outcome is Outcome.ERRORED
    assert "the driver of Spark" in lost.detail
    assert steps["silver.lost"].state is StepState.HELD


def test_a_relation_that_spark_cannot_read_is_refused_to_each_question_and_to_no_other(
    session: SparkSession, tmp_path: Path
) -> None:
    now = scan_of(tmp_path / "now.parquet", "silver.orders", {"id": ("long", [1, 2])})
    late = replace(now, key=AssetKey.parse("silver.late"), schema=Schema((Field("at", Primitive("time"), 1),), 0))
    asked = request(now, relations={"silver.late": late})
    with questions(session, asked, tmp_path / "questions") as opened:
        queries = SparkQueries(asked.views, opened.ask, "a test asks")
        for _ in range(2):
            with pytest.raises(SchemaError, match=r"column .at. of silver\.late is time, a type that Spark lacks"):
                queries.execute("SELECT count(*) FROM silver.late")
        assert queries.execute("SELECT count(*) FROM silver.orders").rows == ((2,),)


def test_a_text_is_translated_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []

    def translated(sql: str, _views: Any) -> str:
        said.append(sql)
        return sql

    monkeypatch.setattr(translation, "in_spark_sql", translated)
    now = scan_of(tmp_path / "now.parquet", "silver.orders", {"id": ("long", [1, 2])})
    queries = SparkQueries({"silver.orders": now}, lambda _: SparkAnswer(("n",), ((2,),)), "a test asks")
    assert queries.knows("SELECT 1")
    assert queries.execute("SELECT 1").rows == ((2,),)
    assert said == ["SELECT 1"]
