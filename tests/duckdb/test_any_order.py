"""However rows are cut into deliveries, in whatever order these come: a table is what one build of all rows gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.model.scd2_columns import versioned
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write, WriteResult
from tests.duckdb.histories import Said
from tests.duckdb.lab import numbered, scan_of, sql_asset, values
from tests.duckdb.test_history import ROWS, listed, noon
from tests.explored import explored

row = st.builds(
    Said,
    st.sampled_from("ab"),
    st.integers(0, 1),
    st.integers(0, 1),
    st.integers(0, 99),
    st.integers(0, 5),
    st.booleans(),
)
"""No two rows of a key have one `n`, so that `keep` always decides."""
deliveries = st.lists(row, min_size=2, max_size=7, unique_by=lambda said: (said.k, said.n)).flatmap(
    lambda rows: st.tuples(st.permutations(rows), st.lists(st.integers(1, 3), min_size=7, max_size=7))
)
PLAIN = numbered(ROWS)
HISTORY = numbered(versioned(ROWS, "d"))
UPSERT: dict[str, Any] = {"mode": WriteMode.UPSERT, "schema": PLAIN, "last_by": "n"}
SCD2: dict[str, Any] = {"mode": WriteMode.SCD2, "schema": HISTORY, "last_by": "n", "at": "d"}
GONE: dict[str, Any] = {"deleted": "gone"}
WAYS = {
    "upsert": UPSERT,
    "upsert with tombstones": {**UPSERT, **GONE},
    "scd2": SCD2,
    "scd2 with tombstones": {**SCD2, **GONE, "track": ("v", "w", "n")},
}


def cut(rows: list[Said], sizes: list[int]) -> list[list[Said]]:
    batches = []
    for size in sizes:
        batches.append(rows[:size])
        rows = rows[size:]
    return [batch for batch in batches if batch]


class Table:
    """What writes of one kind leave, one after the other."""

    def __init__(self, engine: DuckEngine, folder: Path, how: dict[str, Any]) -> None:
        self.engine, self.folder, self.how, self.tombstones = engine, folder, how, ""
        self.scan = Scan(scan_of((), how["schema"]).key, None, how["schema"])

    def write(self, rows: list[Said]) -> None:
        write = Write(directory=str(self.folder), key=("k",), base=self.scan, moment=noon(30), **self.how)
        write = replace(write, tombstones=self.tombstones)
        with self.engine.produce(replace(sql_asset(listed(rows)), inputs={}), {}) as produced:
            self._take(produced.write(write))

    def _take(self, written: WriteResult) -> None:
        files = [path for path in self.scan.files if path not in written.removes] + [
            file.path for file in written.files
        ]
        self.tombstones = written.tombstones
        rows = self.scan.rows - written.replaced + written.rows
        self.scan = replace(self.scan, files=tuple(files), rows=rows)

    def rows(self) -> list[str]:
        return sorted(map(str, values(self.engine, self.scan)))


@pytest.mark.long
@pytest.mark.sampled(4)
@given(deliveries)
@explored(20, few=2)
@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_new_rows_in_any_order_give_what_a_rebuild_gives(
    engine: DuckEngine, tmp_path: Path, how: dict[str, Any], deliveries: tuple[list[Said], list[int]]
) -> None:
    rows, sizes = deliveries
    table, rebuilt = (Table(engine, tmp_path, how) for _ in range(2))
    for batch in cut(rows, sizes):
        table.write(batch)
    rebuilt.write([each for batch in cut(rows, sizes) for each in batch])
    assert table.rows() == rebuilt.rows()


@given(deliveries)
@explored(20, few=2)
@pytest.mark.parametrize("how", [UPSERT, {**SCD2, "track": ("v",)}], ids=["upsert", "scd2"])
def test_new_keys_in_any_order_give_what_a_rebuild_gives_with_tombstones_too(
    engine: DuckEngine, tmp_path: Path, how: dict[str, Any], deliveries: tuple[list[Said], list[int]]
) -> None:
    """Each time all rows of the keys that came are read: a late row meets its tombstone again."""
    rows, sizes = deliveries
    table, rebuilt = (Table(engine, tmp_path, {**how, "deleted": "gone"}) for _ in range(2))
    landed: list[Said] = []
    for batch in cut(rows, sizes):
        landed += batch
        table.write([each for each in landed if each.k in {said.k for said in batch}])
    rebuilt.write(landed)
    assert table.rows() == rebuilt.rows()
