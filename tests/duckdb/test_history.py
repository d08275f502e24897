"""Histories against a plain model: for each key a list of moments, each with what holds from then on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model import Deletes, WriteMode
from lakeflow.core.schema import Field, Primitive, Schema
from lakeflow.core.table import Scan
from lakeflow.core.versions import versioned
from lakeflow.core.writing import Write, Written
from tests.duckdb.lab import numbered, scan_of, sql_asset, values

START = date(2020, 1, 1)
PRODUCED = Schema((Field("k", Primitive("string")), Field("v", Primitive("long")), Field("d", Primitive("date"))))
SCHEMA = numbered(versioned(PRODUCED, "d"))
EMPTY = Scan(scan_of((), SCHEMA).key, None, SCHEMA)
Event = tuple[str, int | None, int]
"""Key, value, day."""
Line = dict[int, tuple[bool, int | None]]
"""Of one key: day → (does it hold?, value)."""


def day(number: int) -> date:
    return START + timedelta(days=number)


def rows_in(*events: Event) -> str:
    if not events:
        return "SELECT NULL::VARCHAR k, 0::BIGINT v, NULL::DATE d WHERE false"
    listed = ", ".join(f"('{k}', {'NULL' if v is None else v}, {at})" for k, v, at in events)
    return f"SELECT k, v::BIGINT v, DATE '{START}' + d::INTEGER AS d FROM (VALUES {listed}) t(k, v, d)"


def keep(engine: DuckEngine, text: str, base: Scan | None, data: Path, **more: Any) -> Written:
    order = replace(Write(WriteMode.SCD2, SCHEMA, str(data), ("k",), base=base, at="d"), **more)
    with engine.produce(replace(sql_asset(text), inputs={}), {}) as produced:
        return produced.write(order)


def after(base: Scan, written: Written) -> Scan:
    files = [path for path in base.files if path not in written.removes] + [file.path for file in written.files]
    return replace(base, files=tuple(files), rows=base.rows - written.replaced + written.rows)


def seen(engine: DuckEngine, scan: Scan) -> list[tuple[Any, ...]]:
    rows = values(engine, scan)
    assert len(rows) == scan.rows
    assert all(row["is_current"] is (row["valid_to"] is None) for row in rows)
    return sorted((row["k"], row["valid_from"], row["valid_to"], row["v"]) for row in rows)


def told(model: dict[str, Line]) -> list[tuple[Any, ...]]:
    """The versions of the model."""
    found = []
    for key, line in model.items():
        moments = sorted(line)
        for at, following in zip(moments, [*moments[1:], None], strict=True):
            if line[at][0]:
                found.append((key, day(at), None if following is None else day(following), line[at][1]))
    return sorted(found)


def learn(model: dict[str, Line], batch: list[Event], closes: int | None) -> None:
    """What came is put in its place; what says the same as what stands before it goes."""
    for key, line in model.items():
        holds = max(line.items())
        if closes is not None and key not in {event[0] for event in batch} and holds[1][0] and holds[0] < closes:
            line[closes] = (False, None)
    for key, value, at in batch:
        model.setdefault(key, {})[at] = (True, value)
    for key in {event[0] for event in batch}:
        before: tuple[bool, int | None] = (False, None)
        for at in sorted(model[key]):
            if model[key][at] == before:
                del model[key][at]
            else:
                before = model[key][at]


events = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9)), st.sampled_from([None, 0, 1]), max_size=5
)
batches = st.lists(st.tuples(events, st.booleans()), min_size=1, max_size=5)


@given(batches)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_sequence_of_rows_late_repeated_or_missing_gives_what_the_model_gives(
    engine: DuckEngine, tmp_path: Path, batches: list[tuple[dict[tuple[str, int], int | None], bool]]
) -> None:
    scan, model = EMPTY, dict[str, Line]()
    for number, (batch, closes) in enumerate(batches):
        rows = [(key, value, at) for (key, at), value in batch.items()]
        moment = datetime(2020, 1, 6 + number, tzinfo=UTC)
        deletes = Deletes.CLOSE if closes else Deletes.IGNORE
        scan = after(scan, keep(engine, rows_in(*rows), scan, tmp_path, deletes=deletes, moment=moment))
        learn(model, rows, 5 + number if closes else None)
        assert seen(engine, scan) == told(model)


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
    assert keep(engine, rows_in(("a", 1, 5), ("b", 1, 0)), scan, data) == Written()


def test_only_files_with_a_version_that_ends_are_written_again(engine: DuckEngine, data: Path) -> None:
    scan = EMPTY
    for key in "abc":
        scan = after(scan, keep(engine, rows_in((key, 1, 0)), scan, data))
    written = keep(engine, rows_in(("a", 1, 3), ("b", 2, 3), ("c", 1, 3)), scan, data)
    assert written.removes == (scan.files[1],)


def test_a_key_that_was_closed_and_comes_again_leaves_a_gap(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, keep(engine, rows_in(("a", 1, 0), ("b", 1, 0)), None, data))
    closing = {"deletes": Deletes.CLOSE, "moment": datetime(2020, 1, 4, 12, tzinfo=UTC)}
    scan = after(scan, keep(engine, rows_in(("b", 1, 0)), scan, data, **closing))
    scan = after(scan, keep(engine, rows_in(("a", 1, 6)), scan, data))
    assert seen(engine, scan) == [("a", day(0), day(3), 1), ("a", day(6), None, 1), ("b", day(0), None, 1)]


def test_without_a_column_rows_hold_since_they_are_written(engine: DuckEngine, data: Path) -> None:
    schema = numbered(versioned(Schema(PRODUCED.fields[:2]), ""))
    first, second = (datetime(2020, 1, day_, tzinfo=UTC) for day_ in (1, 2))
    text = "SELECT 'a' AS k, {}::BIGINT AS v"
    more: dict[str, Any] = {"schema": schema, "at": ""}
    scan = replace(EMPTY, schema=schema)
    scan = after(scan, keep(engine, text.format(1), None, data, moment=first, **more))
    assert keep(engine, text.format(1), scan, data, moment=second, **more) == Written()
    scan = after(scan, keep(engine, text.format(2), scan, data, moment=second, **more))
    assert seen(engine, scan) == [("a", first, second, 1), ("a", second, None, 2)]


def test_the_last_of_several_rows_of_one_moment_counts_where_that_is_declared(engine: DuckEngine, data: Path) -> None:
    rows = rows_in(("a", 1, 0), ("a", 2, 0), ("a", 3, 1))
    with pytest.raises(AssetError, match="1 key more than once at one moment, in 2 rows"):
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
