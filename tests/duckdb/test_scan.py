from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from pyroaring import BitMap64

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Decimal, Field, List, Map, Primitive, Schema, Struct
from lakeflow.core.model.table import DeleteFile, Rows, Scan
from tests.duckdb.lab import RAW, rows_of, scan_of, values

INT, LONG, STRING = Primitive("int"), Primitive("long"), Primitive("string")


@pytest.fixture
def numbers(engine: DuckEngine, data: Path) -> Scan:
    """Two files of ten rows: 0..9 and 10..19."""
    parts = [rows_of(f"SELECT i::INTEGER AS i FROM range({n}, {n + 10}) t(i)", engine, data) for n in (0, 10)]
    return replace(parts[0], files=parts[0].files + parts[1].files, rows=20)


def read(engine: DuckEngine, scan: Scan) -> list[int]:
    return sorted(row["i"] for row in values(engine, scan))


def position_deletes(path: Path, rows: list[tuple[str, int]]) -> DeleteFile:
    listed = ", ".join(f"('{file}', {position})" for file, position in rows)
    duckdb.execute(f"COPY (FROM (VALUES {listed}) t(file_path, pos)) TO '{path}' (FORMAT parquet)")
    return DeleteFile(f"file://{path}", "parquet")


def deletion_vector(path: Path, target: str, positions: list[int], *, padding: int = 0) -> DeleteFile:
    body = b"\xd1\xd3\x39\x64" + BitMap64(positions).serialize()
    blob = len(body).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    path.write_bytes(b"PFA1" + b"x" * padding + blob)
    return DeleteFile(f"file:{path}", "puffin", target, 4 + padding, len(blob))


def test_columns_are_found_by_id_through_rename_drop_add_widening_and_reorder(engine: DuckEngine, data: Path) -> None:
    scan = rows_of("SELECT 1::INTEGER AS a, 'x' AS b, 1.5::DECIMAL(4,2) AS c", engine, data)
    schema = Schema(
        (
            Field("c", Decimal(9, 2), 3),
            Field("b", STRING, 9),
            Field("renamed", LONG, 1),
            Field("day", Primitive("date"), 10),
        )
    )
    found = engine.relation(replace(scan, schema=schema))
    assert found.columns == ["c", "b", "renamed", "day"]
    assert [str(type_) for type_ in found.types] == ["DECIMAL(9,2)", "VARCHAR", "BIGINT", "DATE"]
    assert [[str(value) for value in row] for row in found.fetchall()] == [["1.50", "None", "1", "None"]]


MOVED = Struct((Field("y", INT, 92), Field("now", LONG, 91), Field("x", STRING, 99)))
"""The struct {x: id 91, y: id 92} after x was renamed, widened and moved, and another x was added."""


@pytest.mark.parametrize(
    ("text", "new", "expected"),
    [
        ("{'x': 1, 'y': 2}", Field("s", MOVED, 1), {"y": 2, "now": 1, "x": None}),
        (
            "[{'x': 1, 'y': 2}, NULL]",
            Field("s", List(Field("element", MOVED, 2)), 1),
            [{"y": 2, "now": 1, "x": None}, None],
        ),
        (
            "MAP {'k': {'x': 1, 'y': 2}}",
            Field("s", Map(Field("key", STRING, 3), Field("value", MOVED, 2)), 1),
            [("k", {"y": 2, "now": 1, "x": None})],
        ),
        (
            "[[{'x': 1, 'y': 2}]]",
            Field("s", List(Field("element", List(Field("element", MOVED, 3)), 2)), 1),
            [[{"y": 2, "now": 1, "x": None}]],
        ),
        (
            "{'deep': {'x': 1, 'y': 2}}",
            Field("s", Struct((Field("de\"ep's", MOVED, 2),)), 1),
            {"de\"ep's": {"y": 2, "now": 1, "x": None}},
        ),
    ],
)
def test_nested_fields_are_found_by_id_too(
    engine: DuckEngine, data: Path, text: str, new: Field, expected: object
) -> None:
    old = {"x": 91, "y": 92}
    path = data / "a.parquet"
    inner = f"x: {old['x']}, y: {old['y']}"
    third = f"{{__duckdb_field_id: 3, {inner}}}"
    ids = {
        "{'x'": f"{{__duckdb_field_id: 1, {inner}}}",
        "[{'x": f"{{__duckdb_field_id: 1, element: {{__duckdb_field_id: 2, {inner}}}}}",
        "MAP {": f"{{__duckdb_field_id: 1, key: 3, value: {{__duckdb_field_id: 2, {inner}}}}}",
        "[[{'x": f"{{__duckdb_field_id: 1, element: {{__duckdb_field_id: 2, element: {third}}}}}",
        "{'dee": f"{{__duckdb_field_id: 1, deep: {{__duckdb_field_id: 2, {inner}}}}}",
    }
    nested = max((start for start in ids if text.startswith(start)), key=len)
    duckdb.execute(f"COPY (SELECT {text} AS s) TO '{path}' (FIELD_IDS {{s: {ids[nested]}}})")
    assert values(engine, Scan(RAW, 1, Schema((new,)), (str(path),))) == [{"s": expected}]


def test_an_empty_snapshot_has_columns_and_no_rows(engine: DuckEngine) -> None:
    scan = Scan(RAW, None, Schema((Field("a", LONG, 1), Field("l", List(Field("element", INT, 3)), 2))))
    found = engine.relation(scan)
    assert [str(type_) for type_ in found.types] == ["BIGINT", "INTEGER[]"]
    assert found.fetchall() == []


def test_a_file_without_field_ids_is_refused_when_footers_must_be_looked_at(engine: DuckEngine, data: Path) -> None:
    path = data / "foreign.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    scan = Scan(RAW, 1, Schema((Field("a", INT, 1),)), (str(path),), unmarked=True)
    with pytest.raises(AssetError, match="no field ids"):
        engine.relation(scan)


def test_a_marked_file_is_read_when_footers_must_be_looked_at(engine: DuckEngine, numbers: Scan) -> None:
    assert read(engine, replace(numbers, unmarked=True)) == list(range(20))


def test_folders_that_look_like_partitions_are_no_columns(engine: DuckEngine, data: Path) -> None:
    (data / "p=3").mkdir()
    assert values(engine, rows_of("SELECT 1 AS a", engine, data / "p=3")) == [{"a": 1}]


def test_a_join_knows_how_many_rows_each_side_has(engine: DuckEngine, data: Path) -> None:
    """DuckDB holds the smaller side in memory. Left to guess it took TPC-H's lines for it, and twice the time."""
    few, many = (rows_of(f"SELECT i FROM range({rows}) t(i)", engine, data) for rows in (321, 4567))
    for text in ("bronze.few JOIN bronze.many USING (i)", "bronze.many JOIN bronze.few USING (i)"):
        plan = engine.query(f"SELECT * FROM {text}", {"bronze.few": few, "bronze.many": many}).explain()
        assert ("~321 rows" in plan, "~4,567 rows" in plan) == (True, True), plan
        assert plan.index("~4,567 rows") < plan.index("~321 rows"), "the left side streams by"


def test_a_missing_file_names_the_asset(engine: DuckEngine, numbers: Scan) -> None:
    Path(numbers.files[0]).unlink()
    with pytest.raises(AssetError, match=r"bronze\.raw: No files found"):
        engine.relation(numbers)


@pytest.mark.parametrize("spelling", ["file://", "file:", ""])
def test_position_deletes_hide_rows_however_their_paths_are_spelled(
    engine: DuckEngine, data: Path, numbers: Scan, spelling: str
) -> None:
    first, second = numbers.files
    delete = position_deletes(data / "d.parquet", [(spelling + second, 0), (spelling + second, 9), ("file:/gone", 3)])
    assert read(engine, replace(numbers, deletes=(delete,))) == [*range(10), *range(11, 19)]
    both = (delete, position_deletes(data / "e.parquet", [(spelling + first, 0), (spelling + second, 0)]))
    assert read(engine, replace(numbers, deletes=both)) == [*range(1, 10), *range(11, 19)]


def test_deletes_of_files_that_are_gone_hide_nothing(engine: DuckEngine, data: Path, numbers: Scan) -> None:
    delete = position_deletes(data / "d.parquet", [("file:/gone", 3)])
    assert read(engine, replace(numbers, deletes=(delete,))) == list(range(20))


def test_deletion_vectors_hide_rows(engine: DuckEngine, data: Path, numbers: Scan) -> None:
    first, second = numbers.files
    deletes = (
        deletion_vector(data / "a.puffin", f"file://{second}", [1, 2, 2**33], padding=7),
        deletion_vector(data / "b.puffin", first, list(range(10))),
    )
    assert read(engine, replace(numbers, deletes=deletes)) == [10, *range(13, 20)]
    assert engine.rows(replace(numbers, deletes=deletes[1:]), 1).columns == ("i",)


def test_a_damaged_deletion_vector_is_refused(engine: DuckEngine, data: Path, numbers: Scan) -> None:
    delete = deletion_vector(data / "a.puffin", numbers.files[0], [1])
    blob = bytearray((data / "a.puffin").read_bytes())
    blob[-1] ^= 1
    (data / "a.puffin").write_bytes(bytes(blob))
    with pytest.raises(AssetError, match="no sound deletion vector"):
        engine.relation(replace(numbers, deletes=(delete,)))


def test_a_lost_deletion_vector_is_refused(engine: DuckEngine, numbers: Scan) -> None:
    delete = DeleteFile("/nowhere/a.puffin", "puffin", numbers.files[0], 4, 50)
    with pytest.raises(AssetError, match="cannot read the deletion vector"):
        engine.relation(replace(numbers, deletes=(delete,)))


def test_deletes_are_right_beside_columns_named_like_duckdb_s_own(engine: DuckEngine, data: Path) -> None:
    text = "SELECT i AS file_row_number, 7 AS file_index, 'f' AS filename FROM range(3) t(i)"
    scan = rows_of(text, engine, data)
    delete = position_deletes(data / "d.parquet", [(scan.files[0], 1)])
    kept = values(engine, replace(scan, deletes=(delete,)))
    assert [row["file_row_number"] for row in kept] == [0, 2]
    assert {row["file_index"] for row in kept} == {7}


def test_rows_are_text_whatever_the_type(engine: DuckEngine, data: Path) -> None:
    text = "SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00' AS tz, NULL::INTEGER AS n, {'a': [1]} AS s"
    read = engine.rows(rows_of(text, engine, data), 3)
    assert read == Rows(("tz", "n", "s"), (("2020-01-01 00:00:00+00", None, "{'a': [1]}"),), read.types)
    assert read.types == ("timestamptz", "int", "struct<a: list<int>>")


def test_rows_stop_at_the_limit(engine: DuckEngine, numbers: Scan) -> None:
    assert len(engine.rows(numbers, 3).values) == 3


def test_a_relation_outlives_the_call_and_composes(engine: DuckEngine, numbers: Scan) -> None:
    assert engine.relation(numbers).filter("raw.i > 17").order("i").fetchall() == [(18,), (19,)]
    assert scan_of((), numbers.schema).files == ()
