"""Whatever happens to a lake, its log tells what pyiceberg saw main come to, and no number ever changes."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakeflow
from lakeflow.core.errors import UsageError
from lakeflow.lake.lake import Lake
from tests.explored import explored
from tests.lake.test_log import iceberg, without_ledger, write

FILES = {
    "silver/a.sql": "/*\nkey = ['id']\n*/ select range as id from range({rows})",
    "silver/b.sql": "/*\nkey = ['id']\nwrite = 'upsert'\n*/ select id from silver.a",
    "gold/c.sql": "/*\nkey = ['n']\n*/ select count(*) as n from silver.b",
}
TABLES = ("silver.a", "silver.b", "gold.c")
STEPS = st.lists(st.sampled_from(["grow", "again", "rollback", "foreign", "tag"]), min_size=3, max_size=7)
Seen = dict[str, list[int | None]]


def mains(root: Path) -> dict[str, int | None]:
    """What readers of each table see now, as pyiceberg reads it."""
    with closing(iceberg(root)) as catalog:
        found = {name: catalog.load_table(name).current_snapshot() for name in TABLES if catalog.table_exists(name)}
    return {name: snapshot.snapshot_id if snapshot else None for name, snapshot in found.items()}


def act(root: Path, what: str, number: int) -> None:
    write(root, {name: text.replace("{rows}", str(number + 3)) for name, text in FILES.items() if what == "grow"})
    if what == "foreign":
        with closing(iceberg(root)) as catalog:
            catalog.load_table("silver.a").append(pa.table({"id": pa.array([1_000 + number], pa.int64())}))
        return
    with lakeflow.open(root) as lake:
        try:
            if what == "tag":
                lake.tag(f"t{number}")
            elif what == "rollback":
                lake.rollback(next(run.id for run in lake.runs() if run.steps and run.state == "published"), force=True)
            else:
                lake.materialize("silver.* gold.*", force=what == "again")
        except (UsageError, StopIteration):
            pass  # there is nothing to take back, or nothing new to name


def told(lake: Lake) -> dict[str, list[tuple[int | None, int | None]]]:
    """Of each table, oldest first, the numbers of its versions and what main came to."""
    found: dict[str, list[tuple[int | None, int | None]]] = {name: [] for name in TABLES}
    for entry in reversed(lake.log(limit=1000).entries):
        for change in entry.changes:
            found[str(change.asset)].append((entry.number, change.snapshot_id))
    return found


@pytest.mark.long
@explored(8, few=1)
@given(steps=STEPS)
def test_the_log_is_what_main_came_to_and_numbers_stay(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, seen = Path(folder), Seen({name: [] for name in TABLES})
        (root / "pyproject.toml").write_text("[tool.lakeflow]\nkeep_snapshots = 2\n")
        numbers: dict[int, set[tuple[str, int | None]]] = {}
        for number, what in enumerate(["grow", *steps]):
            act(root, what, number)
            for name, main in mains(root).items():
                if not seen[name] or seen[name][-1] != main:
                    seen[name].append(main)
            with lakeflow.open(root) as lake:
                now = told(lake)
            for name, moves in now.items():
                kept = [snapshot for _, snapshot in moves]
                assert kept == seen[name][-len(kept) :], (name, what)
                for which, snapshot in moves:
                    if which is not None:
                        numbers.setdefault(which, set()).add((name, snapshot))
        for heads in numbers.values():
            assert len({name for name, _ in heads}) == len(heads)  # of no table two snapshots
        without_ledger(root)
        with lakeflow.open(root) as lake:
            assert told(lake) == now
