"""Histories against a plain model: for each key a list of moments, each with what holds from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.asset import Deletes
from lakeflow.core.model.scd2_columns import versioned
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write, WriteResult
from tests.duckdb.histories import History, Said, TiedError, Version
from tests.duckdb.lab import numbered, scan_of, sql_asset, values
from tests.explored import explored

START = date(2020, 1, 1)
PRODUCED = Schema((Field("k", Primitive("string")), Field("v", Primitive("long")), Field("d", Primitive("date"))))
SCHEMA = numbered(versioned(PRODUCED, "d"))
EMPTY = Scan(scan_of((), SCHEMA).key, None, SCHEMA)
Event = tuple[str, int | None, int]
"""Key, value, day."""


def day(number: int) -> date:
    return START + timedelta(days=number)


def rows_in(*events: Event) -> str:
    if not events:
        return "SELECT NULL::VARCHAR k, 0::BIGINT v, NULL::DATE d WHERE false"
    listed = ", ".join(f"('{k}', {'NULL' if v is None else v}, {at})" for k, v, at in events)
    return f"SELECT k, v::BIGINT v, DATE '{START}' + d::INTEGER AS d FROM (VALUES {listed}) t(k, v, d)"


def keep(engine: DuckEngine, text: str, base: Scan | None, data: Path, **more: Any) -> WriteResult:
    usual = Write(WriteMode.SCD2, SCHEMA, str(data), ("k",), base=base, at="d", moment=datetime(2020, 3, 1, tzinfo=UTC))
    order = replace(usual, **more)
    with engine.produce(replace(sql_asset(text), inputs={}), {}) as produced:
        return produced.write(order)


def after(base: Scan, written: WriteResult) -> Scan:
    files = [path for path in base.files if path not in written.removes] + [file.path for file in written.files]
    return replace(base, files=tuple(files), rows=base.rows - written.replaced + written.rows)


def seen(engine: DuckEngine, scan: Scan) -> list[tuple[Any, ...]]:
    rows = values(engine, scan)
    assert len(rows) == scan.rows
    return sorted((row["k"], row["valid_from"], row["valid_to"], row["v"]) for row in rows)


FIELDS = {"k": "string", "v": "long", "w": "long", "n": "long", "d": "date", "gone": "boolean"}
ROWS = Schema(tuple(Field(name, Primitive(type_)) for name, type_ in FIELDS.items()))
said = st.builds(
    Said, st.sampled_from("ab"), st.sampled_from([None, 0, 1]), st.integers(0, 1), st.integers(0, 2), st.integers(0, 8)
)
deaths = st.builds(lambda row: row._replace(gone=True, v=None, w=0), said)
runs = st.lists(st.tuples(st.lists(said | deaths, max_size=4), st.integers(0, 3)), min_size=1, max_size=6)
histories = st.builds(
    History,
    track=st.sampled_from([(), ("v",), ("v", "w")]),
    keep=st.booleans(),
    closes=st.booleans(),
    at=st.booleans(),
    deleted=st.booleans(),
)


@pytest.mark.long
@given(histories, runs)
@explored(30)
def test_any_sequence_of_runs_gives_what_the_model_gives(
    engine: DuckEngine, tmp_path: Path, model: History, runs: list[tuple[list[Said], int]]
) -> None:
    """Rows late, repeated, missing, gone and back, with every option; a tie that nothing decides changes nothing."""
    schema = numbered(versioned(ROWS, "d" if model.at else ""))
    scan, now, tombstones = replace(EMPTY, schema=schema), 2, ""
    more: dict[str, Any] = {
        "schema": schema,
        "at": "d" if model.at else "",
        "track": model.track,
        "last_by": "n" if model.keep else "",
        "deleted": "gone" if model.deleted else "",
        "deletes": Deletes.CLOSE if model.closes else Deletes.IGNORE,
    }
    model.lines, model.now = {}, 0
    for came, later in runs:
        now += later if model.at else max(later, 1)
        try:
            model.run(came, now)
        except TiedError:
            with pytest.raises(AssetError, match=r"\(k\) "):
                keep(engine, listed(came), scan, tmp_path, moment=noon(now), tombstones=tombstones, **more)
            continue
        written = keep(engine, listed(came), scan, tmp_path, moment=noon(now), tombstones=tombstones, **more)
        scan, tombstones = after(scan, written), written.tombstones
        found = found_in(engine, scan)
        assert found == model.versions()
        coming = [each for version in found for each in (version.since, version.until) if each and each > now]
        assert written.turns[:10] == (str(day(min(coming))) if coming else "")


def noon(number: int) -> datetime:
    return datetime.combine(day(number), time(12), UTC)


def listed(came: list[Said]) -> str:
    rows = ", ".join(f"({', '.join('NULL' if each is None else repr(each) for each in row)})" for row in came)
    values = rows or "(NULL, NULL, NULL, NULL, NULL, NULL)"
    cast = f"k::VARCHAR k, v::BIGINT v, w::BIGINT w, n::BIGINT n, DATE '{START}' + d::INTEGER AS d, gone::BOOLEAN gone"
    return f"SELECT {cast} FROM (VALUES {values}) t(k, v, w, n, d, gone)" + ("" if rows else " WHERE false")


def found_in(engine: DuckEngine, scan: Scan) -> list[Version]:
    rows = values(engine, scan)
    assert len(rows) == scan.rows
    found = []
    for row in rows:
        one = Said(row["k"], row["v"], row["w"], row["n"], number(row["d"]), row["gone"])
        until = None if row["valid_to"] is None else number(row["valid_to"])
        found.append(Version(one, number(row["valid_from"]), until, row["is_current"]))
    return sorted(found, key=repr)


def number(moment: date) -> int:
    return ((moment.date() if isinstance(moment, datetime) else moment) - START).days


def test_a_late_row_splits_the_version_that_held_then(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, keep(engine, rows_in(("a", 1, 0), ("a", 3, 8)), None, data))
    written = keep(engine, rows_in(("a", 2, 4)), scan, data)
    assert seen(engine, after(scan, written)) == [
        ("a", day(0), day(4), 1),
        ("a", day(4), day(8), 2),
        ("a", day(8), None, 3),
    ]
    assert (written.rows, written.replaced) == (2, 1)


def test_rows_that_repeat_what_holds_write_nothing(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, keep(engine, rows_in(("a", 1, 0), ("b", 1, 0)), None, data))
    assert keep(engine, rows_in(("a", 1, 5), ("b", 1, 0)), scan, data) == WriteResult(open=2)


@pytest.mark.long
def test_only_files_with_a_version_that_ends_are_written_again(engine: DuckEngine, data: Path) -> None:
    scan = EMPTY
    for key in "abc":
        scan = after(scan, keep(engine, rows_in((key, 1, 0)), scan, data))
    written = keep(engine, rows_in(("a", 1, 3), ("b", 2, 3), ("c", 1, 3)), scan, data)
    assert written.removes == (scan.files[1],)


@pytest.mark.long
def test_a_key_that_was_closed_and_comes_again_leaves_a_gap(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, keep(engine, rows_in(("a", 1, 0), ("b", 1, 0)), None, data))
    closing = {"deletes": Deletes.CLOSE, "moment": datetime(2020, 1, 4, 12, tzinfo=UTC)}
    scan = after(scan, keep(engine, rows_in(("b", 1, 0)), scan, data, **closing))
    scan = after(scan, keep(engine, rows_in(("a", 1, 6)), scan, data))
    assert seen(engine, scan) == [("a", day(0), day(3), 1), ("a", day(6), None, 1), ("b", day(0), None, 1)]


@pytest.mark.long
def test_without_a_column_rows_hold_since_they_are_written(engine: DuckEngine, data: Path) -> None:
    schema = numbered(versioned(Schema(PRODUCED.fields[:2]), ""))
    first, second = (datetime(2020, 1, day_, tzinfo=UTC) for day_ in (1, 2))
    text = "SELECT 'a' AS k, {}::BIGINT AS v"
    more: dict[str, Any] = {"schema": schema, "at": ""}
    scan = replace(EMPTY, schema=schema)
    scan = after(scan, keep(engine, text.format(1), None, data, moment=first, **more))
    assert keep(engine, text.format(1), scan, data, moment=second, **more) == WriteResult(open=1)
    scan = after(scan, keep(engine, text.format(2), scan, data, moment=second, **more))
    assert seen(engine, scan) == [("a", first, second, 1), ("a", second, None, 2)]


def test_the_last_of_several_rows_of_one_moment_counts_where_that_is_declared(engine: DuckEngine, data: Path) -> None:
    rows = rows_in(("a", 1, 0), ("a", 2, 0), ("a", 3, 1))
    with pytest.raises(AssetError, match=r"1 key \(k\) more than once at one moment, in 2 rows, such as a"):
        keep(engine, rows, None, data)
    scan = after(EMPTY, keep(engine, rows, None, data, last_by="v"))
    assert seen(engine, scan) == [("a", day(0), day(1), 2), ("a", day(1), None, 3)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT NULL::VARCHAR k, 1::BIGINT v, DATE '2020-01-01' d", "key column 'k' is NULL in 1 row"),
        ("SELECT 'a' k, 1::BIGINT v, NULL::DATE d", "column 'd' is NULL in 1 row"),
    ],
)
def test_a_row_without_key_or_time_is_refused_and_leaves_no_file(
    engine: DuckEngine, data: Path, text: str, words: str
) -> None:
    with pytest.raises(AssetError, match=words):
        keep(engine, text, None, data)
    assert list(data.iterdir()) == []


def test_a_table_that_is_no_history_is_refused(engine: DuckEngine, data: Path) -> None:
    plain = scan_of((), numbered(PRODUCED))
    with pytest.raises(SchemaError, match="it was not written as a history"):
        keep(engine, rows_in(("a", 1, 0)), plain, data)


@pytest.mark.parametrize(
    ("schema", "at", "words"),
    [
        (Schema((Field("valid_to", Primitive("date")),)), "", "column 'valid_to' is added by scd2"),
        (PRODUCED, "nope", "at names column 'nope', which is not produced"),
        (PRODUCED, "v", "at names column 'v', which is long and no time"),
    ],
)
def test_columns_that_cannot_be_a_history_are_refused(schema: Schema, at: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        versioned(schema, at)
