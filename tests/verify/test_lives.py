"""Whatever lakeflow itself does to a lake leaves it as audited: in every write mode, forwards and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lakeflow
from lakeflow.lake.care import rebuild_ledger, relocate
from lakeflow.lake.lake import Lake
from tests.verify.lab import verified, without_ledger, wrote

RAW = """/*
[source]
format = "csv"
folder = "in"
files = "*.csv"
columns = ["id", "v", "day"]
*/
select * replace (cast(id as bigint) as id, cast(v as double) as v, cast(day as date) as day) from source
"""
HEADER = "/*\nkey = ['id']\nwrite = '{0}'\n*/\n"
LAYERS = {
    "pyproject.toml": "[tool.lakeflow]\nkeep_snapshots = 3\n",
    "layers/bronze/raw.sql": RAW,
    "layers/silver/latest.sql": HEADER.format("upsert")
    + "select id, v, day from bronze.raw qualify row_number() over (partition by id order by v desc) = 1\n",
    "layers/silver/past.sql": HEADER.format("scd2") + "select id, max(v) as v from bronze.raw group by id\n",
    "layers/silver/days.sql": "/*\nkey = ['id', 'day']\npartition_by = ['day(day)']\nwrite = 'partition'\n*/\n"
    "select distinct id, day from bronze.raw\n",
    "layers/silver/months.sql": "/*\nkey = ['id', 'day']\npartition = 'month(day)'\nstart = '2020-01'\n"
    "end = '2020-03'\n*/\n"
    "select distinct id, day from bronze.raw where day >= $partition_start and day < $partition_end\n",
    "layers/gold/counts.sql": "/*\nkey = ['id']\n*/\nselect id, count(*) as n from silver.past group by id\n",
}


def _lands(number: int) -> dict[str, str]:
    return {
        f"in/{number}.csv": f"id,v,day\n{number},{number}.5,2020-01-0{number}\n1,{number * 3}.0,2020-01-0{number}\n"
    }


def _renames(root: Path) -> None:
    text = (root / "layers/silver/days.sql").read_text()
    (root / "layers/silver/days.sql").unlink()
    wrote(root, {"layers/silver/every_day.sql": text.replace("/*\n", "/*\nrenamed_from = 'silver.days'\n", 1)})


STORY: tuple[tuple[str, Callable[[Path], object], Callable[[Lake], object]], ...] = (
    *((f"run {n}", lambda root, n=n: wrote(root, _lands(n)), Lake.materialize) for n in range(1, 6)),
    ("rolled back", Path.exists, lambda lake: lake.rollback(lake.runs()[0].id)),
    ("done again", Path.exists, Lake.materialize),
    ("a file taken out", Path.exists, lambda lake: lake.unland("in/2.csv")),
    ("compacted", Path.exists, lambda lake: lake.compact()),
    ("tagged", Path.exists, lambda lake: lake.tag("kept")),
    ("renamed", _renames, Lake.materialize),
    ("relocated", relocate, Lake.materialize),
    ("on top of a compaction", lambda root: wrote(root, _lands(6)), Lake.materialize),
    (
        "held",
        lambda root: wrote(
            root, {**_lands(7), "checks/silver/latest.few.sql": "select * from silver.latest where id = 7"}
        ),
        Lake.materialize,
    ),
    ("forced", Path.exists, lambda lake: lake.publish(lake.waiting()[0].id, reason="agreed")),
    (
        "a check changed",
        lambda root: wrote(root, {"checks/gold/counts.few.sql": "select * from gold.counts"}),
        Lake.materialize,
    ),
)


@pytest.mark.long
def test_a_life_of_a_lake_is_as_audited_after_each_step_and_without_its_ledger(tmp_path: Path) -> None:
    root = wrote(tmp_path / "lake", LAYERS)
    for name, change, act in STORY:
        change(root)
        with lakeflow.open(root) as lake:
            act(lake)
        found = verified(root, deep=True)
        assert found.is_sound, (name, found.faults)
        assert not found.notes, (name, found.notes)
    before = verified(root)
    assert before.forced
    bare = verified(without_ledger(root))
    assert (bare.tables, bare.faults, bare.forced) == (before.tables, (), before.forced)
    rebuild_ledger(root)
    assert verified(root).is_sound, verified(root).faults
    assert verified(root).forced == before.forced
