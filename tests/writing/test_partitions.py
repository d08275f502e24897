"""`partition_by` and `write = "partition"`, from a project's files to what readers see."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import lakeflow
from tests.writing.lab import Row, Things

DATED = 'columns={"d": {"type": "date"}}'
COLUMNS = '("k", pa.string()), ("d", pa.string()), ("v", pa.int64())'
MONTHLY = f'key=["k"], write="partition", partition_by=["month(d)"], {DATED}'


@pytest.fixture
def things(tmp_path: Path) -> Things:
    return Things(tmp_path, MONTHLY, COLUMNS)


def row(k: str, d: str | None, v: int = 0) -> Row:
    return {"k": k, "d": d, "v": v}


def keys(things: Things) -> str:
    assert things.others() == [things.rows()] * 2
    return "".join(sorted(row["k"] for row in things.rows()))


@pytest.mark.long
def test_the_partitions_that_come_are_replaced_and_all_others_stay(things: Things) -> None:
    things.feed([row("a", "2013-01-05"), row("b", "2013-01-31"), row("c", "2013-02-01"), row("n", None)])
    assert things.states([row("d", "2013-01-01"), row("m", None)]) == ("published", "")
    assert keys(things) == "cdm"
    assert things.states([row("e", "2013-03-01")]) == ("published", "")
    assert keys(things) == "cdem"


@pytest.mark.long
def test_the_same_rows_again_and_none_at_all_leave_main_as_it_is(things: Things) -> None:
    things.feed([row("a", "2013-01-05"), row("b", "2013-02-05")])
    assert things.states([row("a", "2013-01-05")]) == ("unchanged", "the same rows as on main")
    assert things.states([]) == ("unchanged", "the same rows as on main")
    assert things.snapshots() == 1


@pytest.mark.long
def test_files_lie_in_a_folder_a_partition_with_values_that_prune(things: Things) -> None:
    things.feed([row("a", "2013-01-05"), row("b", "2013-02-05")])
    table = things.iceberg()
    assert [(field.name, str(field.transform)) for field in table.spec().fields] == [("d_month", "month")]
    january = [task.file for task in table.scan(row_filter="d = '2013-01-05'").plan_files()]
    assert [file.partition[0] for file in january] == [12 * 43]
    assert "/d_month=2013-01-01/" in january[0].file_path
    assert january[0].file_size_in_bytes == Path(january[0].file_path.removeprefix("file://")).stat().st_size
    found = pl.scan_iceberg(table.metadata_location, reader_override="native").filter(pl.col("k") == "b").collect()
    assert found["k"].to_list() == ["b"]


@pytest.mark.long
def test_a_changed_layout_is_a_new_spec_for_new_files_and_old_ones_stay(things: Things) -> None:
    """Also where a partition that is replaced lies in old files: what stays of them is written again."""
    things.feed([row("a", "2013-01-05"), row("b", "2013-01-06"), row("c", "2013-02-05")])
    february = {path for path in things.files() if "2013-02" in path}
    things.code(MONTHLY.replace("month", "day"), COLUMNS)
    assert things.states([row("x", "2013-01-05")]) == ("published", "")
    assert keys(things) == "bcx"
    assert february < set(things.files())
    table = things.iceberg()
    assert [field.name for field in table.spec().fields] == ["d_day"]
    assert {spec_id: len(spec.fields) for spec_id, spec in table.specs().items()} == {0: 0, 1: 1, 2: 1}


@pytest.mark.long
def test_a_table_that_was_not_partitioned_becomes_so_and_back(things: Things) -> None:
    things.code(f'key=["k"], write="upsert", {DATED}', COLUMNS)
    things.feed([row("a", "2013-01-05"), row("b", "2013-02-06")])
    things.code(MONTHLY, COLUMNS)
    things.feed([row("c", "2013-02-01")])
    assert keys(things) == "ac"
    things.code(f'key=["k"], {DATED}', COLUMNS)
    things.feed([row("d", "2013-02-01")])
    assert keys(things) == "d"
    assert things.iceberg().spec().fields == ()


@pytest.mark.long
def test_nobody_sees_a_layout_before_it_is_published_and_a_rollback_takes_it_back(things: Things) -> None:
    things.feed([row("a", "2013-01-05")])
    things.code(MONTHLY.replace("month", "day"), COLUMNS)
    run = things.feed([row("a", "2013-01-05", 1)])
    assert run is not None
    with lakeflow.open(things.root) as lake:
        lake.rollback(run.id)
    assert [field.name for field in things.iceberg().spec().fields] == ["d_month"]


@pytest.mark.long
def test_an_upsert_into_partitions_moves_rows_between_them(things: Things) -> None:
    things.code(MONTHLY.replace("partition", "upsert", 1).replace("month(d)", "bucket(4, k)"), COLUMNS)
    things.feed([row(k, "2013-01-05") for k in "abcdefgh"])
    things.feed([row("b", "2013-02-05", 7)])
    assert keys(things) == "abcdefgh"
    assert things.iceberg().spec().fields[0].name == "k_bucket"


@pytest.mark.long
def test_a_sort_order_is_the_tables_and_files_are_in_it(things: Things) -> None:
    things.code(f'key=["k"], sort_by=["v desc", "k"], {DATED}', COLUMNS)
    things.feed([row(f"{n % 7}{n}", None, n % 5) for n in range(100)])
    table = things.iceberg()
    assert [(field.source_id, str(field.direction)) for field in table.sort_order().fields] == [(3, "DESC"), (1, "ASC")]
    (task,) = table.scan().plan_files()
    assert task.file.sort_order_id == table.sort_order().order_id
    seen = table.scan().to_arrow()
    found = list(zip(seen["v"].to_pylist(), seen["k"].to_pylist(), strict=True))
    assert found == sorted(found, key=lambda pair: (-pair[0], pair[1]))


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("day(nope)", "the layout names column 'nope', which is not produced"),
        ("hour(d)", "cannot partition by hour(d): d is date"),
        ("truncate(3, d)", "cannot partition by truncate(3, d): d is date"),
    ],
)
def test_a_layout_that_the_columns_do_not_allow_ends_the_step_and_makes_no_table(
    things: Things, by: str, words: str
) -> None:
    things.code(MONTHLY.replace("month(d)", by), COLUMNS)
    state, reason = things.states([row("a", "2013-01-05")])
    assert (state, words in reason) == ("errored", True), reason
    with lakeflow.open(things.root) as lake:
        assert lake.snapshots("silver.things") == ()


@pytest.mark.long
@pytest.mark.parametrize(("longest", "longer"), [("x" * 244, "x" * 245), ("é" * 40, "é" * 41)])
def test_a_text_too_long_for_the_name_of_a_folder_ends_the_step_and_stands_in_no_message(
    things: Things, longest: str, longer: str
) -> None:
    things.code(f'key=["k"], partition_by=["k"], {DATED}', COLUMNS)
    assert things.states([row(longest, None)]) == ("published", "")
    state, reason = things.states([row(longer, None)])
    assert state == "errored"
    assert "too long for the name of a folder" in reason
    assert "truncate(20, column)" in reason
    assert longer[:20] not in reason
    assert "%C3" not in reason
    assert things.others() == [things.rows()] * 2 == [[row(longest, None)]] * 2


@pytest.mark.long
def test_more_partitions_than_files_may_be_open_are_one_file_each(things: Things) -> None:
    things.code(f'key=["k"], partition_by=["k"], {DATED}', COLUMNS)
    things.feed([row(f"{n % 300:03}é/=%", None, n) for n in range(300)])
    assert len(things.files()) == 300
    assert {row["v"] for row in things.rows()} == set(range(300))
    assert things.others() == [things.rows()] * 2
