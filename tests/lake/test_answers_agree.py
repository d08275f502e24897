"""What `query` and `export` say of each moment of a generated history is what pyiceberg and polars read there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.table import StaticTable

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.lake.lake import Lake
from tests.explored import explored

Row = tuple[int, str | None]
ROWS = st.dictionaries(st.integers(0, 9), st.none() | st.text("ab'\"\n;", max_size=3), min_size=1, max_size=6)
HISTORIES = st.lists(ROWS.map(lambda rows: [*rows.items()]), min_size=1, max_size=4)
ASKED = """
select s.id, s.note, c.notes from silver.sales s join gold.counted c on c.rest = s.id % 3 order by s.id
"""


def write(root: Path, rows: Sequence[Row]) -> None:
    texts = ", ".join(f"({number}, {_literal(note)})" for number, note in rows)
    (root / "layers/silver").mkdir(parents=True, exist_ok=True)
    (root / "layers/gold").mkdir(parents=True, exist_ok=True)
    (root / "layers/silver/sales.sql").write_text(
        f"/*\nkey = ['id']\n*/ select id::int as id, note::varchar as note from (values {texts}) v(id, note)"
    )
    (root / "layers/gold/counted.sql").write_text(
        "/*\nkey = ['rest']\n*/ select id % 3 as rest, count(note) as notes from silver.sales group by all"
    )


def _literal(note: str | None) -> str:
    return "null" if note is None else "'" + note.replace("'", "''") + "'"


def by_others(lake: Lake, seen: dict[str, int]) -> list[tuple[object, ...]]:
    """The same join by pyiceberg and polars, over the snapshots that were main's then."""
    read = {}
    for name, snapshot in seen.items():
        key = AssetKey.parse(name)
        table = StaticTable.from_metadata(lake._world.catalog.load([key])[key].version)
        read[name] = pl.DataFrame(table.scan(snapshot_id=snapshot).to_arrow())
    sales, counted = read["silver.sales"], read["gold.counted"]
    joined = sales.with_columns(rest=pl.col("id") % 3).join(
        counted.with_columns(pl.col("rest").cast(pl.Int32)), on="rest"
    )
    found: list[tuple[object, ...]] = joined.sort("id").select("id", "note", "notes").rows()
    return found


@pytest.mark.long
@given(HISTORIES)
@explored(10, few=2)
def test_every_moment_of_a_history_is_answered_as_others_read_it(history: list[list[Row]]) -> None:
    with TemporaryDirectory() as folder:
        root, moments = Path(folder, "lake"), {}
        for rows in history:
            write(root, rows)
            with lakeflow.open(root) as lake:
                run = lake.materialize()
                tables = lake._world.catalog.load([AssetKey.parse("silver.sales"), AssetKey.parse("gold.counted")])
                if run is not None:
                    moments[run.id] = {str(key): table.main for key, table in tables.items() if table.main}
        with lakeflow.open(root) as lake:
            for run_id, seen in moments.items():
                wanted = by_others(lake, seen)
                assert lake.query(ASKED, as_of=run_id).fetchall() == wanted
                lake.export(to=Path(folder, "out"), as_of=run_id)
                notes = pl.read_parquet(Path(folder, "out/silver/sales.parquet")).sort("id")["note"].to_list()
                assert notes == [note for _, note, _ in wanted]
