"""Every write mode by what its traits say: a new one is walked through here as soon as it is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import lakeflow
from lakeflow.core.errors import ProjectError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.write_mode import Effect, WriteMode
from tests.docs.pages import ROOT
from tests.writing.lab import Row, Things

DATED: Final = 'columns={"d": {"type": "date"}}'
COLUMNS: Final = '("k", pa.string()), ("d", pa.string()), ("v", pa.int64())'
_MEMBER: Final = re.compile(r"\bWriteMode\.[A-Z]")


class Case(NamedTuple):
    """What it declares beside its key, and which rows stand after these came: `first`, then `second`."""

    fields: str
    after: str


CASES: Final = {
    WriteMode.APPEND: Case("", "a1 a2 b1 c2"),
    WriteMode.REPLACE: Case("", "a2 c2"),
    WriteMode.UPSERT: Case("", "a2 b1 c2"),
    WriteMode.PARTITION: Case(f', partition_by=["month(d)"], {DATED}', "a2 b1 c2"),
    WriteMode.SCD2: Case("", "a1 a2 b1 c2"),
}


def row(name: str, day: str) -> Row:
    return {"k": name[0], "d": day, "v": int(name[1])}


FIRST: Final = [row("a1", "2013-01-01"), row("b1", "2013-02-01")]
SECOND: Final = [row("a2", "2013-01-02"), row("c2", "2013-01-03")]


def fields(mode: WriteMode, key: str = 'key=["k"]') -> str:
    return f'{key}, write="{mode}"{CASES[mode].fields}'


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("mode", WriteMode)
def test_a_lake_that_is_written_twice_in_it_holds_what_its_traits_say(tmp_path: Path, mode: WriteMode) -> None:
    things = Things(tmp_path, fields(mode), COLUMNS)
    things.feed(FIRST)
    run = things.feed(SECOND)
    assert run is not None
    (step,) = run.steps
    # Two rows of one key break an append's own key check: the step is held, and its branch holds them all.
    assert str(step.state) == ("held" if mode.traits.adds else "published")
    rows = standing(things, step.snapshot_id)
    assert " ".join(sorted(f"{row['k']}{row['v']}" for row in rows)) == CASES[mode].after
    snapshot = things.iceberg().snapshot_by_id(step.snapshot_id or 0)
    assert snapshot is not None
    assert snapshot.summary is not None
    made = provenance_of(snapshot.summary.additional_properties)
    assert made is not None
    assert WriteMode(made.write) is mode
    assert mode.traits.rows_after(len(FIRST), step.rows or 0, made.replaced) == len(rows)
    with lakeflow.open(tmp_path) as lake:
        assert lake.verify(deep=True).faults == ()


def standing(things: Things, snapshot_id: int | None) -> list[Row]:
    found: list[Row] = things.iceberg().scan(snapshot_id=snapshot_id).to_arrow().to_pylist()
    return found


@pytest.mark.parametrize("mode", WriteMode)
def test_what_it_needs_and_does_not_have_is_a_fault(tmp_path: Path, mode: WriteMode) -> None:
    traits = mode.traits
    declared = fields(mode, "").replace('partition_by=["month(d)"], ', "").removeprefix(", ")
    layer = "silver" if traits.by_partition else "gold"
    folder = tmp_path / "layers" / layer
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    key = 'key=["k"], ' if traits.by_partition else 'kind="mart", '
    code = f"from lakeflow import asset\n\n@asset({key}{declared})\ndef things():\n    return []\n"
    (folder / "things.py").write_text(code)
    if not (traits.keyed or traits.by_partition):
        lakeflow.open(tmp_path).close()
        return
    missing = "partition_by" if traits.by_partition else "key"
    with pytest.raises(ProjectError, match=f'written by "{mode}" and (has|declares) no {missing}'):
        lakeflow.open(tmp_path)


def test_no_mode_says_two_things_of_itself() -> None:
    for mode in WriteMode:
        traits = mode.traits
        assert not traits.versioned or traits.keyed
        assert not (traits.keyed and traits.by_partition)
        assert traits.merges or not (traits.keyed or traits.by_partition)
        assert [traits.adds, traits.merges, traits.replaces].count(True) == 1
        assert Effect(traits.effect) is traits.effect


def test_the_pages_name_every_mode() -> None:
    modes = (ROOT / "docs/write-modes.md").read_text(encoding="utf-8")
    format_ = (ROOT / "docs/how-it-works.md").read_text(encoding="utf-8")
    (key,) = re.findall(r"^\| `lakeflow.write` \| (.*) \|$", format_, re.MULTILINE)
    for mode in WriteMode:
        assert f"\n| `{mode}` | " in modes
        assert f"`{mode}`" in key


def test_few_modules_name_a_mode_and_all_others_ask_for_its_traits() -> None:
    """The modes, what an asset has that declares none, what an early snapshot was, the files of each, and what takes
    landed rows out of an append again. Besides, what is written in one mode whatever the asset's is: a compaction, and
    rows that no asset of the project has.
    """
    modules = (ROOT / "lakeflow").rglob("*.py")
    by_name = {path for path in modules if _MEMBER.search(path.read_text(encoding="utf-8"))}
    assert {str(path.relative_to(ROOT)) for path in by_name} == {
        "lakeflow/core/model/write_mode.py",
        "lakeflow/core/declare/laws.py",
        "lakeflow/wap/step/sources/unlanding.py",
        "lakeflow/core/run/verdict.py",
        "lakeflow/adapters/duckdb/write/modes.py",
        "lakeflow/adapters/duckdb/write/rewrite.py",
        "lakeflow/adapters/iceberg/commit/compaction.py",
        "lakeflow/core/run/write.py",
        "lakeflow/adapters/duckdb/given/store.py",
        "lakeflow/core/spark/copied.py",
        "lakeflow/testing/stand_ins.py",
    }
