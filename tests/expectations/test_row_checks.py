"""Bad-row queries: what they may read, and that they can do nothing but read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeflow.adapters.duckdb.locked import LockedDuckDB
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.table import DeleteFile, Scan

from .lake import checks, request, row_check, scan_of


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("flights"), carrier=("string", ["AA", "ZZ"]), delay=("int", [1, 2]))


@pytest.mark.long
def test_every_row_that_comes_back_is_a_failure_and_is_shown(flights: Scan) -> None:
    (result,) = checks(request(flights, row_check("select carrier from silver.weather where delay > 1", "too_late")))
    assert (result.name, result.outcome, result.failed_rows, result.rows) == ("too late", Outcome.FAILED, 1, 2)
    assert result.samples == ({"carrier": "ZZ"},)
    assert result.path == "checks/silver/weather.too_late.sql"


@pytest.mark.parametrize(
    "sql",
    [
        "select * from silver.weather where delay > 9",
        "select * from silver.weather where delay > 9;",
        "select * from silver.weather where delay > 9;; -- no more",
        "-- späte Flüge\nselect * from silver.weather where carrier = 'é;' ; /* ü */",
        "with late as (from silver.weather where delay > 9) from late",
    ],
)
def test_a_query_may_end_as_people_write_it(flights: Scan, sql: str) -> None:
    (result,) = checks(request(flights, row_check(sql)))
    assert (result.outcome, result.detail) == (Outcome.PASSED, "")


def test_a_query_reads_the_tables_it_names_as_the_run_or_as_readers_see_them(flights: Scan, tmp_path: Path) -> None:
    carriers = scan_of(tmp_path, AssetKey.parse("silver.carriers"), code=("string", ["AA", "ZZ"]))
    directory = tmp_path / "old"
    directory.mkdir()
    published = scan_of(directory, AssetKey.parse("silver.carriers"), code=("string", ["AA"]))
    relations = {"silver.carriers": carriers, "published.silver.carriers": published}
    known = row_check("from silver.weather where carrier not in (select code from silver.carriers)", "known")
    before = row_check("from silver.weather where carrier not in (from published.silver.carriers)", "before")
    asked = request(flights, known, before, relations=relations)
    assert [(result.outcome, result.failed_rows) for result in checks(asked)] == [
        (Outcome.PASSED, 0),
        (Outcome.FAILED, 1),
    ]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("copy silver.weather to '{file}' (format parquet)", "one SELECT, this is COPY"),
        ("select 1; select 2", "this is 2 statements"),
        ("", "this is 0 statements"),
        ("drop view silver.weather", "one SELECT, this is DROP"),
        ("attach '/tmp/x.db'", "one SELECT, this is ATTACH"),
        ("set threads = 1", "one SELECT, this is"),
        ("pragma version", "one SELECT, this is PRAGMA"),
        ("select * from read_text('/etc/passwd')", "disabled by configuration"),
        ("select * from '/etc/passwd'", "Error"),
        ("with gone as (delete from silver.weather returning *) select * from gone", "changes rows"),
        ("select * from silver.weather, duckdb_variables()", "stands for a table, and is none that lakeflow knows"),
        ("select * from (summarize '/etc/passwd')", "hides what it reads"),
        ("select * from silver.weather where current_query() = 'x'", "tells of the connection"),
        ("select wrong from silver.weather", 'Referenced column "wrong" not found'),
    ],
)
def test_a_query_that_is_no_plain_question_is_errored_and_changes_nothing(flights: Scan, sql: str, reason: str) -> None:
    before = Path(flights.files[0]).read_bytes()
    (result,) = checks(request(flights, row_check(sql.format(file=flights.files[0]))))
    assert result.outcome is Outcome.ERRORED
    assert reason in result.detail
    assert Path(flights.files[0]).read_bytes() == before


def test_the_asset_itself_is_always_the_audited_snapshot(flights: Scan, tmp_path: Path) -> None:
    other = scan_of(tmp_path, carrier=("string", []), delay=("int", []))
    asked = request(flights, row_check("from silver.weather"), relations={"silver.weather": replace(other)})
    (result,) = checks(asked)
    assert result.failed_rows == 2


def test_rows_that_a_delete_file_hides_are_not_audited(flights: Scan, tmp_path: Path) -> None:
    """Also where readers see them: the view `published.…` lives in another database than the deleted positions."""
    deletes = tmp_path / "deletes.parquet"
    pq.write_table(pa.table({"file_path": [flights.files[0]], "pos": [1]}), deletes)
    around = replace(flights, deletes=(DeleteFile(str(deletes), "parquet"),))
    asked = request(
        around,
        row_check("from silver.weather", "ours"),
        row_check("from published.silver.weather", "theirs"),
        relations={"published.silver.weather": around},
    )
    assert [(result.failed_rows, result.samples[0]["carrier"]) for result in checks(asked)] == [(1, "AA"), (1, "AA")]


@pytest.mark.long
def test_a_query_larger_than_its_memory_spills_to_disk(flights: Scan, tmp_path: Path) -> None:
    settings = {"threads": "1", "memory_limit": "100MB", "temp_directory": str(tmp_path / "spill")}
    duckdb = LockedDuckDB({"silver.weather": flights}, settings)
    sql = (
        "select max(n), max(w) from (select range as n, repeat('x', 60) || range as w from range(2_000_000)) group by w"
    )
    try:
        assert duckdb.execute(f"select count(*) from ({sql})")[1] == [(2_000_000,)]
    finally:
        duckdb.close()
