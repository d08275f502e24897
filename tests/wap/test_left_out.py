"""What is asked of the run that leaves an earlier one out, and of the one that takes files out: of values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.landing import Delivery, FoundFile, Landed, LandedSet, TakenOut, from_json, to_json
from lakeflow.core.plan.reasons import Cause, Reason, short_id
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.wap.decide import leave_out as leaving
from lakeflow.wap.run import unland as unlanding
from tests.core.samples import key, keys
from tests.wap.doubles import Numbers, ScriptedEngine, _Produced
from tests.wap.lab import Lab

A, B, C = "bronze.a", "silver.b", "gold.c"
SOURCE = FileSource(("*.csv",), Format.CSV)


@dataclass
class Landing(ScriptedEngine):
    """`files` are those in the folder, and the numbers that each holds."""

    files: dict[str, Numbers] = field(default_factory=dict)

    @contextmanager
    def land(self, asset: Asset, delivery: Delivery, _at: datetime, terms: Terms = FREELY) -> Iterator[_Produced]:
        self.ran.append(asset.key)
        rows = [number for file in delivery.files for number in self.files[file.name]]
        landed = tuple(Landed(file.name, file.hash, file.size, len(self.files[file.name])) for file in delivery.files)
        yield _Produced(self.shelf, rows, landed=LandedSet(landed))  # type: ignore[arg-type]


class Story(Lab):
    """`a` lands files, `b` is made from it and `c` from that. `asked` are the runs that are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: Landing = Landing(self.shelf, {})
        self.asked: list[tuple[wap.Request, Any, wap.World]] = []
        self.define(A, [], files=SOURCE)
        self.define(B, lambda rows: [2 * number for number in rows[A]], A)
        self.define(C, lambda rows: [sum(rows[B])], B)

    @property
    def world(self) -> wap.World:
        return replace(super().world, find_files=lambda _: self.found())

    def found(self) -> tuple[FoundFile, ...]:
        return tuple(
            FoundFile(name, len(held), hashlib.sha256(repr(held).encode()).hexdigest())
            for name, held in self.engine.files.items()
        )

    def lands(self, name: str, *numbers: int) -> str:
        """A run of everything, after that file came; its id."""
        self.engine.files[name] = numbers
        return self.materialize().id

    def leave_out(self, run: str, names: str | None = None, **asked: Any) -> wap.Request:
        selected = None if names is None else keys(names)
        wap.leave_out(self.world, run, selected, wap.UnlandRequest(**asked), self.events.append)
        return self.asked[-1][0]

    def unland(self, *names: str, **asked: Any) -> wap.Request:
        wap.unland(self.world, names, wap.UnlandRequest(**asked), self.events.append)
        return self.asked[-1][0]

    def put(self, name: str, table: Table) -> None:
        self.catalog._tables[key(name)] = table


def why(run: str) -> Reason:
    return Reason(Cause.LEAVES_OUT, after=run)


def gone(*names: str) -> tuple[Reason, ...]:
    return tuple(Reason(Cause.UNLANDS, after=name) for name in names)


def again(name: str) -> tuple[Reason, ...]:
    return (Reason(Cause.UNLANDS, after=name), Reason(Cause.LANDS_AGAIN, after=name))


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    made = Story()
    for module in (leaving, unlanding):
        monkeypatch.setattr(
            module, "materialize", lambda world, request, told: made.asked.append((request, told, world))
        )
    made.lands("1.csv", 1, 2)
    made.lands("2.csv", 3)
    made.lands("3.csv", 4)
    return made


def test_the_files_that_the_run_landed_go_with_all_that_was_made_from_them(story: Story) -> None:
    request = story.leave_out("r2", wait=7.0, refreshed=True)
    assert request == wap.Request(
        selected=(key(A), key(B), key(C)),
        selection=(A, B, C),
        all_or_nothing=True,
        wait=7.0,
        refreshed=True,
        files={key(A): (*gone("2.csv"), why("r2")), key(B): (why("r2"),), key(C): (why("r2"),)},
    )
    assert story.asked[-1][1] == story.events.append
    assert story.asked[-1][2].project == story.world.project
    assert not story.leave_out("r2").refreshed


def test_of_the_first_run_all_files_go(story: Story) -> None:
    assert story.leave_out("r1").files[key(A)] == (*gone("1.csv"), why("r1"))


def test_of_a_run_only_the_selected_tables_are_left_out(story: Story) -> None:
    request = story.leave_out("r2", B)
    assert request.files == {key(B): (why("r2"),)}
    assert request.selected == (key(B), key(C))


def test_what_is_below_and_was_never_built_is_not_made(story: Story) -> None:
    story.define("gold.d", lambda rows: rows[B], B)
    assert story.leave_out("r2", B).selected == (key(B), key(C))


def test_where_the_code_was_wrong_its_files_are_read_again(story: Story) -> None:
    story.define(A, [], files=SOURCE)
    assert story.leave_out("r2").files[key(A)] == (*again("2.csv"), why("r2"))


def test_where_the_code_below_was_wrong_the_files_stay(story: Story) -> None:
    story.define(B, lambda rows: [-number for number in rows[A]], A)
    assert story.leave_out("r2").files == {key(A): (why("r2"),), key(B): (why("r2"),), key(C): (why("r2"),)}
    story.define(A, [], files=SOURCE)
    assert story.leave_out("r2").files[key(A)] == (*again("2.csv"), why("r2"))


def test_a_file_that_has_to_be_read_again_must_be_there(story: Story) -> None:
    del story.engine.files["2.csv"]
    assert story.leave_out("r2").files[key(A)] == (*gone("2.csv"), why("r2"))
    story.define(A, [], files=SOURCE)
    with pytest.raises(UsageError) as caught:
        story.leave_out("r2")
    assert caught.value.message == f"{A}: 2.csv, which run r2 landed, is not there any more"
    assert caught.value.hint == "put it back: its code has changed, so the file has to be read again"


def test_a_file_that_is_out_already_does_not_go_again(story: Story) -> None:
    table = story.table(A)
    head = table.snapshots[table.main or 0]
    first = table.snapshots[head.parent_id or 0].parent_id or 0
    now = replace(head, id=77, parent_id=head.id, summary=dict(table.snapshots[first].summary))
    story.put(A, replace(table, snapshots={**table.snapshots, 77: now}, refs={"main": 77}))
    story.catalog._live[77] = story.catalog._live[head.id]
    assert story.leave_out("r2", A).files[key(A)] == (why("r2"),)


def test_a_snapshot_without_a_set_of_its_own_has_that_of_the_one_before(story: Story) -> None:
    table = story.table(A)
    at = story.run("r2").step(key(A))
    assert at is not None
    before = table.snapshots[at.snapshot_id or 0].parent_id or 0
    bare = {name: said for name, said in table.snapshots[before].summary.items() if "landed" not in name}
    middle = replace(table.snapshots[before], id=88, parent_id=before, summary=bare)
    moved = replace(table.snapshots[at.snapshot_id or 0], parent_id=88)
    story.put(A, replace(table, snapshots={**table.snapshots, 88: middle, moved.id: moved}))
    assert story.leave_out("r2", A).files[key(A)] == (*gone("2.csv"), why("r2"))


@pytest.mark.parametrize("which", ["its own", "the one before"])
def test_where_a_snapshot_has_expired_nobody_can_tell_which_files_the_run_landed(which: str, story: Story) -> None:
    table, step = story.table(A), story.run("r2").step(key(A))
    assert step is not None
    mine = step.snapshot_id or 0
    lost = mine if which == "its own" else table.snapshots[mine].parent_id
    story.put(A, replace(table, snapshots={id_: one for id_, one in table.snapshots.items() if id_ != lost}))
    with pytest.raises(UsageError) as caught:
        story.leave_out("r2", A)
    told = f"{A}: {short_id(mine)} has expired: nobody can tell which files the run landed"
    assert caught.value.message == told
    assert caught.value.hint == "`lakeflow unland FILE` takes out files by their names"


def test_what_no_asset_defines_any_more_is_not_made_again(story: Story) -> None:
    del story.assets[key(C)]
    with pytest.raises(UsageError, match=r"^no asset defines gold\.c any more$") as caught:
        story.leave_out("r2")
    assert caught.value.hint == "select others, or roll the later runs back first"
    assert story.leave_out("r2", f"{A} {B}").selected == (key(A), key(B))


def test_rows_that_only_its_code_gives_cannot_be_told_from_later_ones(story: Story) -> None:
    story.define("bronze.told", [5])
    run = story.materialize("bronze.told").id
    with pytest.raises(UsageError) as caught:
        story.leave_out(run)
    assert caught.value.message == (
        f"bronze.told adds what its code gives: nobody can tell which of its rows run {run} brought"
    )
    assert caught.value.hint == "roll the later runs back first, or select other tables of the run"
    story.define("bronze.told", [5], write=WriteMode.REPLACE)
    assert story.leave_out(run).files == {key("bronze.told"): (why(run),)}


def test_what_stands_in_a_quarantine_goes_with_its_owner(story: Story) -> None:
    run = story.run("r2")
    step = run.step(key(A))
    assert step is not None
    beside = replace(step, asset=AssetKey.parse("bronze.a__quarantine"))
    story.ledger._runs["r2"] = replace(run, steps=(*run.steps, beside))
    assert {*story.leave_out("r2").files} == {key(A), key(B), key(C)}


def test_a_table_that_cannot_be_read_stops_it(story: Story) -> None:
    table = story.table(A)
    for name in list(story.catalog._sidecars):
        del story.catalog._sidecars[name]
    assert table.main is not None
    with pytest.raises(LakeError, match="is gone"):
        story.leave_out("r2")
    with pytest.raises(LakeError, match="is gone"):
        story.unland("2.csv")


def test_a_run_that_has_nothing_on_main_is_refused(story: Story) -> None:
    with pytest.raises(UsageError, match="published nothing of what you selected"):
        story.leave_out("r2", "silver.other")


# by name


def test_a_file_is_taken_out_with_all_that_was_made_from_it(story: Story) -> None:
    request = story.unland("2.csv", "1.csv", wait=7.0)
    assert request == wap.Request(
        selected=(key(A), key(B), key(C)),
        selection=(A,),
        all_or_nothing=True,
        wait=7.0,
        files={key(A): gone("2.csv", "1.csv")},
    )
    assert story.asked[-1][1] == story.events.append
    assert story.asked[-1][2].project == story.world.project


def test_a_file_that_was_taken_out_comes_back(story: Story) -> None:
    with pytest.raises(UsageError, match=r"no asset keeps '2\.csv' out"):
        story.unland("2.csv", undo=True)
    sidecars: dict[str, str] = story.catalog._sidecars
    head = story.table(A).published
    assert head is not None
    name = next(said for said in head.summary.values() if said in sidecars)
    sidecars[name] = out(sidecars[name], story.found())
    assert story.unland("2.csv", undo=True).files == {key(A): (Reason(Cause.LANDS_AGAIN, after="2.csv"),)}


def out(text: str, found: Sequence[FoundFile]) -> str:
    """The set without its second file, which is out."""
    landed = from_json(text)
    left = tuple(each for each in landed.files if each.name != "2.csv")
    return to_json(LandedSet(left, out=tuple(TakenOut(each.name, each.hash) for each in found if each.name == "2.csv")))


def test_a_file_that_nobody_landed_is_refused(story: Story) -> None:
    with pytest.raises(UsageError, match=r"no asset landed '9\.csv'"):
        story.unland("9.csv")
