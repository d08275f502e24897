"""What a table takes with it when it goes back, what is recorded of it, and what to type where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, RunRecord
from lakeflow.core.model.table import Looked
from lakeflow.core.plan.reasons import short_id
from tests.core.samples import key, keys, made, table
from tests.memory import MemoryCatalog
from tests.wap.doubles import Ticking
from tests.wap.lab import ACTOR, Lab

FORCE = "`--force` rolls back all the same, until the next run makes them anew"


class Damaged(MemoryCatalog):
    """A catalog in which the metadata of some tables is gone."""

    lost: frozenset[AssetKey] = frozenset()

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        found = super().look(keys).tables
        kept = {one: table for one, table in found.items() if one not in self.lost}
        return Looked(kept, {one: LakeError("its metadata is gone") for one in found.keys() & self.lost})


def refused(decide: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises((UsageError, LakeError)) as caught:
        decide()
    return caught.value.message, caught.value.hint or ""


@pytest.fixture
def lab() -> Lab:
    """Runs r1, r2 and r3 wrote `gold.c`, each anew; nothing is made from it."""
    clock = Ticking()
    lab = Lab(Damaged(clock), clock=clock)
    for number in (1, 2, 3):
        lab.define("gold.c", [number])
        lab.materialize("gold.c")
    return lab


def snapshots(lab: Lab) -> list[int]:
    """Those of `gold.c`, oldest first."""
    found = lab.table("gold.c")
    return [each.id for each in found.ancestry(found.main)][::-1]


# what goes with it


def quarantined(lab: Lab, *writes: tuple[str, int]) -> list[int]:
    """A quarantine of `gold.c` to which these runs and attempts wrote, one after the other."""
    line = [made(101 + n, 100 + n if n else None, run=run, attempt=tried) for n, (run, tried) in enumerate(writes)]
    rows = table("gold.c__quarantine", *line)
    lab.catalog._tables[rows.key] = rows
    lab.catalog._live |= {one.id: () for one in line}
    return [one.id for one in line]


@pytest.mark.parametrize(
    ("writes", "stays"),
    [
        ([("r1", 1), ("r2", 1), ("r3", 1)], 1),
        ([("r1", 1), ("r3", 1), ("r3", 1)], 1),
        ([("r2", 1), ("r3", 1)], None),
        ([("r0", 1), ("r1", 1)], 2),
        ([("r1", 1), ("r2", 2)], 2),
    ],
    ids=["each run refused some", "twice in a run", "from the first on", "only earlier ones", "another attempt of it"],
)
def test_the_rows_that_the_writes_refused_go_with_them(
    lab: Lab, writes: list[tuple[str, int]], stays: int | None
) -> None:
    """`stays` says which write readers of the quarantine see last, counted from 1."""
    refusals = quarantined(lab, *writes)
    lab.return_to("gold.c", snapshots(lab)[0])
    assert lab.main("gold.c__quarantine") == (None if stays is None else refusals[stays - 1])


def test_a_quarantine_that_readers_saw_nothing_of_stays_as_it_is(lab: Lab) -> None:
    quarantined(lab, ("r2", 1))
    unborn = table("gold.c__quarantine")
    lab.catalog._tables[unborn.key] = unborn
    lab.return_to("gold.c", snapshots(lab)[0])
    assert lab.main("gold.c__quarantine") is None


def test_what_was_taken_back_before_does_not_come_again_without_the_rows_that_it_refused(lab: Lab) -> None:
    quarantined(lab, ("r1", 1), ("r2", 1), ("r3", 1))
    newest = snapshots(lab)[-1]
    lab.rollback("r3", "gold.c")
    assert refused(lambda: lab.return_to("gold.c", newest)) == (
        f"{short_id(newest)} of gold.c was rolled back, and the rows that it refused went with it",
        "`lakeflow materialize gold.c` makes it anew",
    )


# what is recorded


def test_who_set_it_back_and_when_stands_in_run_and_rulings(lab: Lab) -> None:
    first, second, third = snapshots(lab)
    run = lab.return_to("gold.c", first)
    assert run.reason == (
        f"gold.c set from {short_id(third)} to {short_id(first)}, as readers saw it before; by {ACTOR}"
    )
    assert (run.actor, run.selection) == (ACTOR, ("gold.c",))
    assert run.ended_at is not None
    assert run.started_at < run.ended_at
    ruled = [each for each in lab.ledger.verdicts(keys("gold.c"))[key("gold.c")] if each.run == run.id]
    assert {(each.snapshot_id, each.ruling) for each in ruled} == {
        (third, Ruling.ROLLED_BACK),
        (second, Ruling.ROLLED_BACK),
        (first, Ruling.RETURNED),
    }
    assert {(each.attempt, each.actor, each.reason) for each in ruled} == {(run.attempt, ACTOR, run.reason)}


def test_a_first_publish_that_goes_leaves_no_ruling_of_a_return(lab: Lab) -> None:
    run = lab.rollback("r1", force=True)
    found = lab.ledger.verdicts(keys("gold.c"))[key("gold.c")]
    assert [each.ruling for each in found if each.at >= (run.ended_at or each.at)] == [Ruling.ROLLED_BACK] * 3


def test_of_several_tables_each_has_its_rulings(lab: Lab) -> None:
    lab.define("gold.d", [4])
    lab.define("gold.c", [4])
    both = lab.materialize("gold.c gold.d")
    went = {name: lab.main(name) for name in ("gold.c", "gold.d")}
    lab.rollback(both)
    found = lab.ledger.verdicts(keys("gold.c gold.d"))
    gone = {
        str(name): [one.snapshot_id for one in said if one.ruling is Ruling.ROLLED_BACK] for name, said in found.items()
    }
    assert gone == {name: [snapshot] for name, snapshot in went.items()}


def test_a_run_of_which_a_part_went_keeps_who_ran_it_and_how_it_ended(lab: Lab) -> None:
    lab.define("gold.d", [4])
    lab.define("gold.c", [4])
    both = lab.materialize("gold.c gold.d")
    some = lab.rollback(both, "gold.d")
    assert (some.state, some.reason, some.ended_at) == (both.state, both.reason, both.ended_at)


# what to type


def test_a_quarantine_goes_with_its_owner(lab: Lab) -> None:
    assert refused(lambda: lab.return_to("gold.c__quarantine", "s1")) == (
        "gold.c__quarantine goes with its owner",
        "`lakeflow rollback gold.c --to s1`",
    )


def test_a_table_that_was_never_built_has_nowhere_to_go(lab: Lab) -> None:
    assert refused(lambda: lab.return_to("gold.d", "s1")) == (
        "gold.d was never built",
        "`lakeflow materialize +gold.d` builds it",
    )


def test_what_readers_see_and_saw_is_listed_where_no_other_is_meant(lab: Lab) -> None:
    lists = "`lakeflow snapshots gold.c` lists what readers see and saw"
    here = snapshots(lab)[-1]
    assert refused(lambda: lab.return_to("gold.c", here)) == (f"readers see {short_id(here)} of gold.c already", lists)
    lab.foreign_append("gold.c", [50])
    theirs = lab.main("gold.c") or 0
    lab.foreign_append("gold.c", [51])
    assert refused(lambda: lab.return_to("gold.c", theirs)) == (
        f"no run published {short_id(theirs)} of gold.c: nobody audited it",
        lists,
    )


def test_a_table_without_a_main_is_published_and_not_set_back(lab: Lab) -> None:
    lab.define("gold.d", [4])
    lab.check("gold.d", lambda *_: False)
    held = lab.materialize("gold.d").steps[0].snapshot_id
    assert refused(lambda: lab.return_to("gold.d", held or 0)) == (
        "gold.d has no main to roll back",
        "`lakeflow snapshots gold.d` lists what readers see and saw",
    )


def test_what_cannot_be_read_may_rest_on_it(lab: Lab) -> None:
    lab.define("gold.d", [1], "gold.c")
    lab.define("gold.e", [1], "gold.c")
    lab.materialize("gold.d gold.e")
    lab.catalog.lost = frozenset(keys("gold.d"))
    first = snapshots(lab)[0]
    assert refused(lambda: lab.return_to("gold.c", first)) == (
        "gold.d may rest on it and cannot be read: its metadata is gone",
        "`lakeflow doctor` says what is wrong; `--force` rolls back all the same",
    )
    lab.return_to("gold.c", first, force=True)
    assert lab.main("gold.c") == first


def resting(lab: Lab) -> tuple[RunRecord, RunRecord]:
    """Two later runs, each with a table that is made from `gold.c`."""
    lab.define("gold.d", [1], "gold.c")
    lab.define("gold.e", [1], "gold.c")
    return lab.materialize("gold.d"), lab.materialize("gold.e")


def test_whoever_rests_on_it_is_named_with_the_runs_that_go_first(lab: Lab) -> None:
    one, two = resting(lab)
    said, hint = refused(lambda: lab.rollback("r3", "gold.c"))
    assert said == (
        f"others rest on it: gold.d was made from gold.c in run {one.id}, gold.e was made from gold.c in run {two.id}"
    )
    assert hint == f"roll those back first: `lakeflow rollback {one.id}`, `lakeflow rollback {two.id}`; {FORCE}"


def test_tables_of_the_same_run_go_together(lab: Lab) -> None:
    lab.define("gold.c", [4])
    lab.define("gold.d", [1], "gold.c")
    both = lab.materialize("gold.c gold.d")
    assert refused(lambda: lab.rollback(both, "gold.c"))[1] == (
        f"`lakeflow rollback {both.id} gold.c gold.d` rolls them back together; {FORCE}"
    )


def test_rows_of_others_are_named_all(lab: Lab) -> None:
    first = snapshots(lab)[0]
    lab.foreign_append("gold.c", [50])
    one = short_id(lab.main("gold.c") or 0)
    lab.foreign_append("gold.c", [51])
    two = short_id(lab.main("gold.c") or 0)
    assert refused(lambda: lab.return_to("gold.c", first))[0] == (
        f"rows of others would go from readers: another engine (gold.c {two}), another engine (gold.c {one})"
    )
