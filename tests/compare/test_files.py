"""Which files are opened: those that one side alone has, or that a delete of one side alone reaches; told by path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.compare.files import shared
from lakeflow.core.model.foreign import Equality, FileOrigin
from lakeflow.core.model.table import DeleteFile, Scan
from tests.compare.test_values import compared
from tests.duckdb.lab import RAW, rows_of, values
from tests.duckdb.test_foreign_files import ROWS, SCHEMA, deleted, parquet
from tests.duckdb.test_scan import position_deletes
from tests.explored import explored

COMMON = ["", "x", "y"]
FILES = st.lists(st.tuples(ROWS, st.integers(1, 4), st.sampled_from(COMMON)), min_size=2, max_size=4)
BY_VALUE = st.tuples(ROWS, st.sampled_from([(1,), (2,), (1, 2)]), st.integers(1, 5), st.sampled_from(COMMON))
BY_POSITION = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=4)
SIDES = st.sampled_from(["before", "after", "both", "both", "both"])


def sided(found: Sequence[tuple[Any, str]], side: str) -> tuple[Any, ...]:
    return tuple(each for each, on in found if on in {side, "both"})


@pytest.mark.long
@explored(80, few=4)
@given(
    data=st.data(), files=FILES, by_value=st.lists(BY_VALUE, max_size=2), by_position=st.lists(BY_POSITION, max_size=2)
)
def test_files_that_hold_the_same_rows_for_both_need_not_be_there(
    tmp_path_factory: pytest.TempPathFactory,
    engine: DuckEngine,
    data: st.DataObject,
    files: list[Any],
    by_value: list[Any],
    by_position: list[Any],
) -> None:
    folder = tmp_path_factory.mktemp("files")
    paths = [parquet(folder, rows) for rows, _, _ in files]
    hiding = [
        DeleteFile(deleted(folder, rows, ids, "parquet"), "parquet", sequence=sequence, equality=Equality(ids, scope))
        for rows, ids, sequence, scope in by_value
    ]
    for number, positions in enumerate(by_position):
        rows = [(paths[place % len(paths)], at % len(files[place % len(paths)][0])) for place, at in positions]
        hiding.append(
            replace(position_deletes(folder / f"p{number}.parquet", rows), sequence=data.draw(st.integers(1, 5)))
        )
    placed = [(path, data.draw(SIDES)) for path in paths]
    deletes = [(delete, data.draw(SIDES)) for delete in hiding]
    origins = {path: FileOrigin(sequence, scope) for path, (_, sequence, scope) in zip(paths, files, strict=True)}
    stored = {path: len(rows) for path, (rows, _, _) in zip(paths, files, strict=True)}
    scans = {}
    for side in ("before", "after"):
        own, gone = sided(placed, side), sided(deletes, side)
        total = sum(stored[path] for path in own)
        known = origins if gone else {}
        scans[side] = Scan(RAW, 1, SCHEMA, own, total, deletes=gone, origins=known, schemas=(SCHEMA,))
    bags = {side: Counter((row["id"], row["kind"]) for row in values(engine, scan)) for side, scan in scans.items()}
    reads = dict(zip([each.path for each in hiding[len(by_value) :]], by_position, strict=True))
    both = shared(
        scans["before"], scans["after"], lambda one: [paths[each % len(paths)] for each, _ in reads[one.path]]
    )
    opened_for_values = any(delete.equality for delete in hiding)
    for path in () if opened_for_values else both:
        Path(path).unlink()
    found = compared(engine, scans["before"], scans["after"]).rows
    before, after = bags["before"], bags["after"]
    assert (found.before, found.after) == (before.total(), after.total())
    assert (found.removed, found.added) == ((before - after).total(), (after - before).total())


def test_of_many_files_only_those_that_differ_are_opened(engine: DuckEngine, data: Path) -> None:
    """One file in a hundred was written anew, and the others are not even there."""
    parts = [rows_of(f"SELECT i AS k, i AS v FROM range({n}, {n + 10}) t(i)", engine, data) for n in range(0, 100, 10)]
    text = "SELECT i AS k, if(i = 42, -1, i) AS v FROM range(40, 51) t(i)"
    anew = rows_of(text.replace("51", "50"), engine, data)
    moved = rows_of("SELECT i AS k, i AS v FROM range(90, 100) t(i) ORDER BY i DESC", engine, data)
    files = [path for part in parts for path in part.files]
    before = replace(parts[0], files=tuple(files), rows=100)
    after = replace(before, files=(*files[:4], *anew.files, *files[5:9], *moved.files))
    for path in (*files[:4], *files[5:9]):
        Path(path).unlink()
    found = compared(engine, before, after, "k", samples=3)
    assert (found.rows.before, found.rows.after, found.rows.equal, found.rows.changed) == (100, 100, 99, 1)
    assert found.samples.after.values == (("42", "-1"),)
