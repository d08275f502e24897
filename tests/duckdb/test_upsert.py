"""Upserts against a plain dict: rows by key, the last one wins, and only files that hold a key that came are new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Ties, Write, WriteResult
from tests.duckdb.lab import rows_of, scan_of, sql_asset, values
from tests.explored import explored

LONG, STRING = Primitive("long"), Primitive("string")
SCHEMA = Schema((Field("k", STRING, 1), Field("n", LONG, 2), Field("v", LONG, 3)))
EMPTY = Scan(scan_of((), SCHEMA).key, None, SCHEMA)


def row(k: str, n: int, v: int) -> str:
    return f"('{k.replace(chr(39), chr(39) * 2)}', {n}, {v})"


def rows_in(*rows: tuple[str, int, int]) -> str:
    if not rows:
        return "SELECT NULL::VARCHAR k, 0::BIGINT n, 0::BIGINT v WHERE false"
    return f"SELECT k, n::BIGINT n, v::BIGINT v FROM (VALUES {', '.join(row(*one) for one in rows)}) t(k, n, v)"


def upsert(engine: DuckEngine, text: str, base: Scan | None, data: Path, **more: Any) -> WriteResult:
    order = replace(Write(WriteMode.UPSERT, SCHEMA, str(data), ("k", "n"), base=base), **more)
    with engine.produce(replace(sql_asset(text), inputs={}), {}) as produced:
        return produced.write(order)


def after(base: Scan, written: WriteResult) -> Scan:
    files = [path for path in base.files if path not in written.removes] + [file.path for file in written.files]
    return replace(base, files=tuple(files), rows=base.rows - written.replaced + written.rows)


def as_dict(engine: DuckEngine, scan: Scan) -> dict[tuple[str, int], int]:
    rows = values(engine, scan)
    found = {(row["k"], row["n"]): row["v"] for row in rows}
    assert len(found) == len(rows) == scan.rows
    return found


keys = st.tuples(st.sampled_from(["", "a", "A", "é", "'", "\U0010ffff"]), st.integers(-2, 2))
batches = st.lists(st.dictionaries(keys, st.integers(0, 9), max_size=6), min_size=1, max_size=5)


@pytest.mark.long
@given(batches)
@explored(25)
def test_any_sequence_of_upserts_gives_what_a_dict_gives(
    engine: DuckEngine, tmp_path: Path, batches: list[dict[tuple[str, int], int]]
) -> None:
    scan, model = EMPTY, dict[tuple[str, int], int]()
    for batch in batches:
        written = upsert(engine, rows_in(*((*key, value) for key, value in batch.items())), scan, tmp_path)
        assert (written.rows, written.replaced) == (len(batch), len(batch.keys() & model.keys()))
        scan, model = after(scan, written), model | batch
        assert as_dict(engine, scan) == model


def test_only_files_that_hold_a_key_that_came_are_written_again(engine: DuckEngine, data: Path) -> None:
    scan = EMPTY
    for k in "abc":
        scan = after(scan, upsert(engine, rows_in((k, 1, 1), (k, 2, 2)), scan, data))
    written = upsert(engine, rows_in(("b", 1, 9), ("d", 1, 9)), scan, data)
    assert written.removes == (scan.files[1],)
    assert (written.rows, written.replaced) == (2, 1)
    assert as_dict(engine, after(scan, written))[("b", 2)] == 2


def test_without_a_match_it_is_an_append_and_without_rows_it_is_nothing(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, upsert(engine, rows_in(("a", 1, 1)), None, data))
    assert upsert(engine, rows_in(("b", 1, 1)), scan, data).removes == ()
    assert upsert(engine, rows_in(), scan, data) == WriteResult()


def test_a_key_that_comes_twice_is_refused_and_leaves_no_file(engine: DuckEngine, data: Path) -> None:
    rows = rows_in(("a", 1, 1), ("a", 1, 2), ("a", 1, 2), ("b", 1, 1), ("c", 1, 1), ("c", 1, 2))
    with pytest.raises(AssetError, match=r"2 keys \(k, n\) more than once, in 5 rows") as error:
        upsert(engine, rows, None, data)
    assert "keep = 'last by" in (error.value.hint or "")
    assert list(data.iterdir()) == []


def test_the_last_by_a_column_is_kept_and_equal_rows_count_once(engine: DuckEngine, data: Path) -> None:
    rows = rows_in(("a", 1, 1), ("a", 1, 3), ("a", 1, 2), ("b", 1, 5), ("b", 1, 5))
    written = upsert(engine, rows, None, data, last_by="v")
    assert as_dict(engine, after(EMPTY, written)) == {("a", 1): 3, ("b", 1): 5}
    assert written.rows == 2


def test_different_rows_that_tie_for_the_last_are_refused(engine: DuckEngine, data: Path) -> None:
    rows = rows_in(("a", 1, 1), ("a", 1, 2))
    with pytest.raises(AssetError, match="more than once"):
        upsert(engine, rows, None, data, last_by="n")


class Came(NamedTuple):
    """A row of key `k` that counts by `n`; `gone`: it says that its key is not there any more."""

    k: str
    n: int | None
    v: int
    gone: bool


WIDE = Schema((Field("k", STRING, 1), Field("n", LONG, 2), Field("v", LONG, 3), Field("gone", Primitive("boolean"), 4)))
came = st.builds(Came, st.sampled_from("abc"), st.none() | st.integers(0, 2), st.integers(0, 1), st.booleans())


@pytest.mark.long
@given(st.lists(st.lists(came, max_size=4), min_size=1, max_size=6), st.booleans(), st.booleans())
@explored(30)
def test_any_sequence_of_upserts_with_keep_and_tombstones_gives_what_the_model_gives(
    engine: DuckEngine, tmp_path: Path, batches: list[list[Came]], keep: bool, deleted: bool
) -> None:
    """A row that comes late changes nothing, in whatever order rows come; NULL is before everything."""
    scan, model, dead, told = replace(EMPTY, schema=WIDE), dict[str, Came](), dict[str, Came](), ""
    more = {"last_by": "n" if keep else "", "deleted": "gone" if deleted else "", "key": ("k",), "schema": WIDE}
    for batch in batches:
        counted = counts(model, dead if keep and deleted else {}, batch, keep=keep)
        if counted is None:
            with pytest.raises(AssetError, match=r"\(k\) "):
                upsert(engine, listed(batch), scan, tmp_path, tombstones=told, **more)
            continue
        written = upsert(engine, listed(batch), scan, tmp_path, tombstones=told, **more)
        told = written.tombstones
        stands = {key: row for key, row in counted.items() if not (deleted and row.gone)}
        assert (written.rows, written.replaced) == (len(stands), len(counted.keys() & model.keys()))
        scan = after(scan, written)
        model = {key: row for key, row in model.items() if key not in counted} | stands
        dead = {key: row for key, row in (dead | counted).items() if deleted and row.gone}
        assert sorted(map(str, values(engine, scan))) == sorted(str(row._asdict()) for row in model.values())
        assert {str(path) for path in tmp_path.rglob("*.parquet")} >= set(scan.files)


def counts(model: dict[str, Came], dead: dict[str, Came], batch: list[Came], *, keep: bool) -> dict[str, Came] | None:
    """The row of each key that counts; None where nothing decides between two."""
    found: dict[str, Came] = {}
    for key in {row.k for row in batch}:
        rows = [row for row in batch if row.k == key]
        most = list({row for row in rows if order(row) == max(map(order, rows))}) if keep else rows
        stands = model.get(key)
        if len(most) > 1 or (keep and stands and stands != most[0] and order(stands) == order(most[0])):
            return None
        grave = dead.get(key)
        if grave and order(grave) == order(most[0]) and not most[0].gone:
            return None
        if grave and order(grave) > order(most[0]):
            continue
        if not (keep and stands and order(stands) > order(most[0])):
            found[key] = most[0]
    return found


def order(row: Came) -> int:
    return -1 if row.n is None else row.n


def listed(rows: list[Came]) -> str:
    values = ", ".join(f"('{row.k}', {'NULL' if row.n is None else row.n}, {row.v}, {row.gone})" for row in rows)
    cast = "SELECT k::VARCHAR k, n::BIGINT n, v::BIGINT v, gone::BOOLEAN gone"
    return f"{cast} FROM (VALUES {values or '(NULL, NULL, NULL, NULL)'}) t(k, n, v, gone) WHERE k IS NOT NULL"


def test_a_row_that_is_as_late_as_what_stands_there_corrects_it(engine: DuckEngine, data: Path) -> None:
    """Code that changed gives other rows of the same time."""
    scan = after(EMPTY, upsert(engine, rows_in(("a", 1, 1)), None, data, key=("k",), last_by="n"))
    written = upsert(engine, rows_in(("a", 1, 2)), scan, data, key=("k",), last_by="n", ties=Ties.CORRECTED)
    assert as_dict(engine, after(scan, written)) == {("a", 1): 2}


def test_rows_that_are_all_late_leave_no_file(engine: DuckEngine, data: Path) -> None:
    scan = after(EMPTY, upsert(engine, rows_in(("a", 1, 5)), None, data, last_by="v"))
    assert upsert(engine, rows_in(("a", 1, 4)), scan, data, last_by="v") == WriteResult()
    assert [str(path) for path in data.rglob("*.parquet")] == list(scan.files)


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("SELECT NULL::VARCHAR k, 1::BIGINT n, 1::BIGINT v", {}, "key column 'k' is NULL in 1 row"),
        (rows_in(("a", 1, 1)), {"key": ("k", "missing")}, "the key names column 'missing', which is not produced"),
        (rows_in(("a", 1, 1)), {"last_by": "missing"}, "keep names column 'missing'"),
        (
            "SELECT 1.5::DOUBLE k, 1::BIGINT n, 1::BIGINT v",
            {"schema": Schema((Field("k", Primitive("double"), 1), *SCHEMA.fields[1:]))},
            "key column 'k' is double, which cannot tell rows apart",
        ),
    ],
)
def test_a_key_that_is_none_is_refused_and_leaves_no_file(
    engine: DuckEngine, data: Path, text: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(AssetError) as error:
        upsert(engine, text, None, data, **more)
    assert words in error.value.message
    assert list(data.iterdir()) == []


def test_a_key_that_the_table_does_not_have_yet_is_refused(engine: DuckEngine, data: Path) -> None:
    old = rows_of("SELECT 'a' AS k, 1::BIGINT AS v", engine, data)
    with pytest.raises(SchemaError, match="the table has no column 'n' yet"):
        upsert(engine, rows_in(("a", 1, 1)), old, data)


def test_rows_of_files_from_before_a_column_came_keep_it_null(engine: DuckEngine, data: Path) -> None:
    narrow = Schema(SCHEMA.fields[:2])
    with engine.produce(
        replace(sql_asset("SELECT 'a' AS k, n::BIGINT AS n FROM range(3) t(n)"), inputs={}), {}
    ) as rows:
        old = rows.write(Write(WriteMode.APPEND, narrow, str(data))).files
    base = scan_of(old, narrow)
    written = upsert(engine, rows_in(("a", 1, 7)), base, data)
    assert as_dict(engine, after(replace(base, schema=SCHEMA), written)) == {
        ("a", 0): None,
        ("a", 1): 7,
        ("a", 2): None,
    }
