"""A retry stops at any point, also one of a retry: the next one goes on from what the branches hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import RunState
from tests.core.samples import key
from tests.wap.doubles import Crash
from tests.wap.lab import Lab, states
from tests.wap.real_lab import RealLab

NAMES = ("bronze.a", "silver.b", "gold.c")
PUBLISHED = [[1, 2], [2, 4], [6]]
Open = Callable[[], Lab]


def held(lab: Lab) -> Lab:
    """A run whose three branches are held, and then checks that it passes: a retry writes each of them anew."""
    lab.define("bronze.a", [1, 2], reads=("a.csv",))
    lab.define("silver.b", lambda rows: [2 * number for number in rows["bronze.a"]], "bronze.a")
    lab.define("gold.c", lambda rows: [sum(rows["silver.b"])], "silver.b")
    for name in NAMES:
        lab.check(name, lambda *_: True)
    lab.check("gold.c", lambda *_: False)
    lab.materialize(all_or_nothing=True)
    for name in NAMES:
        lab.check(name, lambda *_: True)
    return lab


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.long)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    made: list[Lab] = []

    def open_() -> Lab:
        root = tmp_path / str(len(made))
        root.mkdir()
        made.append(held(RealLab(root) if request.param == "real" else Lab()))
        return made[-1]

    yield open_
    for lab in made:
        if isinstance(lab, RealLab):
            lab.close()


Verb = Callable[[Lab], object]


def calls_of(lab: Lab, act: Verb) -> list[str]:
    seen: list[str] = []
    lab.gate(seen.append)
    act(lab)
    lab.gate(lambda _: None)
    return seen


def die_at(lab: Lab, place: int, act: Verb) -> None:
    """The process that does this dies at so many port calls."""
    left = [place]

    def gate(_: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            lab.dead = True
            raise Crash

    lab.gate(gate)
    with pytest.raises(Crash):
        act(lab)
    lab.reopen()


def assert_told_truly(lab: Lab) -> None:
    """What was ruled on a snapshot is what it says itself, and what it was made from was published."""
    mains = {name: {snapshot.id for snapshot in lab.table(name).ancestry(lab.main(name))} for name in NAMES}
    for name in NAMES:
        table = lab.table(name)
        ruled = {said.snapshot_id: said for said in lab.ledger.verdicts([key(name)])[key(name)]}
        for snapshot in table.ancestry(table.main):
            if made := provenance_of(snapshot.summary):
                said = ruled[snapshot.id]
                assert (said.code_version, dict(said.inputs)) == (made.code_version, dict(made.inputs))
                assert all(head in mains[upstream] for upstream, head in made.inputs.items())


def end_well(lab: Lab, place: object, ended: Sequence[Sequence[int]] = PUBLISHED) -> None:
    if lab.run().state is not RunState.PUBLISHED:
        assert states(lab.retry("r1"))["run"] == "published", place
    assert [lab.rows(name) for name in NAMES] == ended, place
    assert not any(lab.branches(name) for name in NAMES), place
    assert_told_truly(lab)
    with pytest.raises(UsageError):
        lab.retry("r1")


def retry(lab: Lab) -> None:
    lab.retry("r1")


def publish(lab: Lab) -> None:
    lab.publish("r1")


@pytest.mark.long
def test_a_retry_that_dies_at_any_call_is_finished_by_the_next_one(opened: Open) -> None:
    calls = calls_of(opened(), retry)
    for place in range(1, len(calls) + 1):
        lab = opened()
        die_at(lab, place, retry)
        assert [lab.rows(name) for name in NAMES] in ([None] * 3, PUBLISHED), calls[place - 1]
        end_well(lab, (place, calls[place - 1]))
        assert lab.is_fresh()


def test_a_retry_that_dies_twice_is_finished_by_the_third(opened: Open) -> None:
    """The second dies where a branch was dropped, or a snapshot committed, and nothing noted yet."""
    calls = calls_of(opened(), retry)
    commits = [place for place, call in enumerate(calls, 1) if call in {"catalog.commit<", "catalog.stage<"}]
    for first in commits[:-1]:
        for second in commits[:3]:
            lab = opened()
            die_at(lab, first, retry)
            if lab.run().state is not RunState.PUBLISHED:
                die_at(lab, second, retry)
            end_well(lab, (first, second))


@pytest.mark.long
def test_a_publish_after_a_dead_retry_records_what_the_snapshot_says_or_asks_for_a_retry(opened: Open) -> None:
    """New code wrote to a branch of which the ledger tells that the old one did."""
    for place in range(1, len(calls_of(rewritten(opened()), retry)) + 1):
        lab = rewritten(opened())
        die_at(lab, place, retry)
        if refused := refused_by(lab, publish):
            assert "retry r1" in (refused.hint or "") or lab.run().state is RunState.PUBLISHED, refused
        assert_told_truly(lab)
        end_well(lab, place, [[1, 2, 3], [2, 4, 6], [12]] if lab.rows("bronze.a") != [1, 2] else PUBLISHED)


def refused_by(lab: Lab, act: Verb) -> UsageError | None:
    try:
        act(lab)
    except UsageError as error:
        return error
    return None


def rewritten(lab: Lab) -> Lab:
    lab.define("bronze.a", [1, 2, 3], reads=("a.csv",))
    return lab


@pytest.mark.long
def test_a_publish_that_dies_while_it_goes_on_top_of_a_moved_main_is_made_again(opened: Open) -> None:
    """The branch holds another snapshot than the ledger tells of: the same rows, on today's main."""
    for place in range(1, len(calls_of(moved(opened()), lambda lab: lab.publish("r2"))) + 1):
        lab = moved(opened())
        die_at(lab, place, lambda lab: lab.publish("r2"))
        if lab.run("r2").state is not RunState.PUBLISHED:
            assert states(lab.publish("r2"))["run"] == "published", place
        assert lab.rows("bronze.a") == [1, 2, 7, 9], place
        assert_told_truly(lab)


def moved(lab: Lab) -> Lab:
    """`bronze.a` is published, appended to and held, and then appended to by another engine."""
    lab.retry("r1")
    lab.define("bronze.a", [9], reads=("a.csv",))
    lab.check("bronze.a", lambda *_: False)
    lab.materialize("bronze.a")
    lab.check("bronze.a", lambda *_: True)
    lab.foreign_append("bronze.a", [7])
    return lab
