"""Any two snapshots of any table, whatever mode wrote it, differ as polars says of what pyiceberg reads."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.compare.comparison import Comparison
from tests.explored import explored
from tests.writing.feeds import TABLES, Feeds
from tests.writing.model import Sale

FIRST: Final = date(2020, 1, 1)
days = st.integers(0, 89).map(lambda number: FIRST + timedelta(days=number))
sales = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2), days), min_size=1, max_size=4)
KEYS: Final = {
    **dict.fromkeys(("appended", "months", "spans"), ("seq",)),
    **{key: ["k"] for key in ("latest", "totals")},
    **{key: ["k", "valid_from"] for key in ("history", "members")},
}
BRONZE: Final = "bronze.sales"


@pytest.mark.long
@explored(5)
@given(deliveries=st.lists(sales, min_size=2, max_size=4), forced=st.booleans())
def test_two_snapshots_differ_as_polars_says(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[tuple[str, int, date]]], *, forced: bool
) -> None:
    feeds, number = Feeds(tmp_path_factory.mktemp("lake")), 0
    with closing(feeds.lake):
        for rows in deliveries:
            feeds.drop(tuple(Sale(number + place, *row) for place, row in enumerate(rows)))
            number += len(rows)
            feeds.lake.materialize(force=forced)
        with closing(iceberg(feeds.root)) as catalog:
            for name in (BRONZE, *(f"silver.{each}" for each in TABLES)):
                compared = list(compared_pairs(feeds, catalog, name))
                assert compared or name == "silver.spans"
                for found, told in compared:
                    assert found == told, name


def compared_pairs(feeds: Feeds, catalog: SqlCatalog, name: str) -> list[tuple[dict[str, int], dict[str, int]]]:
    """What we say, and what polars says, of each snapshot and the next, and of the first and the last."""
    table = catalog.load_table(name)
    ids = [each.snapshot_id for each in sorted(table.snapshots(), key=lambda each: each.timestamp_ms)]
    frames = {each: pl.DataFrame(table.scan(snapshot_id=each).to_arrow()) for each in ids}
    key = list(KEYS.get(name.partition(".")[2], ()))
    found = []
    for one, other in [*pairwise(ids), (ids[-1], ids[0])]:
        ours = feeds.lake.diff(name, f"s{one}..s{other}", rows=0)
        assert list(ours.key) == key
        before, after = frames[one], frames[other]
        found.append((told(ours), by_key(before, after, key) if key else as_bags(before, after)))
    return found


def told(found: Comparison) -> dict[str, int]:
    rows = found.rows
    counts = {name: getattr(rows, name) for name in ("before", "after", "added", "removed", "changed", "equal")}
    return counts | {f"column {each.name}": each.changed for each in found.columns}


def by_key(before: pl.DataFrame, after: pl.DataFrame, key: list[str]) -> dict[str, int]:
    both = before.join(after, on=key, how="inner", nulls_equal=True, suffix="_after")
    others = [name for name in before.columns if name not in key]
    differ = {name: both[name].ne_missing(both[f"{name}_after"]) for name in others}
    changed = int(pl.DataFrame(differ).select(pl.any_horizontal(pl.all()).sum()).item()) if len(both) else 0
    columns = {f"column {name}": int(values.sum()) for name, values in differ.items()}
    return {
        "before": len(before),
        "after": len(after),
        "added": len(after) - len(both),
        "removed": len(before) - len(both),
        "changed": changed,
        "equal": len(both) - changed,
    } | {name: number for name, number in columns.items() if number}


def as_bags(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, int]:
    names = before.columns
    counts = [frame.group_by(names).len() for frame in (before, after)]
    both = counts[0].join(counts[1], on=names, how="inner", nulls_equal=True, suffix="_after")
    equal = int(both.select(pl.min_horizontal("len", "len_after").sum()).item() or 0)
    added, removed = len(after) - equal, len(before) - equal
    counted = {"before": len(before), "after": len(after), "added": added, "removed": removed}
    return {**counted, "changed": 0, "equal": equal}


def iceberg(root: Path) -> SqlCatalog:
    return SqlCatalog("lakeflow", uri=f"sqlite:///{root / '.lakeflow/catalog.db'}", warehouse=str(root))
