"""Environments where catalog and ledger share no transaction: whatever dies, is lost or comes late, a publish in an
environment and a promote are all there and recorded, or not there and never will be.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from lakeflow.core.errors import ConflictError, LakeError, UsageError
from lakeflow.core.model.changes import FENCED, REFUSED
from lakeflow.core.model.run import RunState
from tests.core.samples import key
from tests.environments.apart import ApartStory
from tests.environments.stories import behind, ready
from tests.wap.doubles import Crash

A, B, C = "bronze.a", "silver.b", "gold.c"
BY = ("", "pr", pytest.param("another", marks=pytest.mark.long))
"""Who settles it: a run on main, there, or elsewhere."""
MOMENTS = (0, 1, 2)
"""None of the two tables, one, both: then the ledger does not know yet."""


def told(root: Path) -> ApartStory:
    story = ApartStory(root)
    story.define(A, [1, 2], reads=("a.csv",))
    story.define(B, lambda rows: [2 * number for number in rows[A]], A)
    story.define(C, lambda rows: [sum(rows[B])], B)
    return story


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, ...]]]:
    root = tmp_path_factory.mktemp("apart")
    made = told(root / "lake")
    made.materialize()
    made.close()
    shutil.copytree(root / "lake", root / "kept")
    return root, made.shelf.held


@pytest.fixture
def story(begun: tuple[Path, dict[str, tuple[int, ...]]]) -> Iterator[ApartStory]:
    """All three are on main, and `silver.b` has new code."""
    root, files = begun
    shutil.rmtree(root / "lake")
    shutil.copytree(root / "kept", root / "lake")
    lab = told(root / "lake")
    lab.shelf.held |= files
    lab.shelf._names, lab._ids = count(1000), count(1000)
    lab.define(B, lambda rows: [3 * number for number in rows[A]], A)
    yield lab
    lab.close()


def built(story: ApartStory) -> ApartStory:
    with story.inside():
        story.materialize(f"{B} {C}")
    return story


def heads(story: ApartStory) -> tuple[int | None, ...]:
    return tuple(story.main(name) for name in (A, B, C))


def seen_inside(story: ApartStory) -> tuple[object, ...]:
    with story.inside():
        tables = story.world.catalog.load([key(B), key(C)])
        scans = (story.catalog.scan(tables[key(name)], tables[key(name)].main) for name in (B, C))
        return tuple(story.shelf.rows(scan) for scan in scans)


def left_over(story: ApartStory) -> list[str]:
    """Branches of runs, of environments or not, and what fences them."""
    return [ref for name in (A, B, C) for ref in story.branches(name) if ref != "env_pr"]


def other_run(story: ApartStory, name: str = "") -> None:
    """A run of something else by the next process."""
    story.reopen()
    story.define("bronze.other", [5])
    with story.inside(name):
        story.materialize("bronze.other")
    assert story.is_settled()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("at", MOMENTS)
def test_a_publish_in_an_environment_that_died_is_finished_by_the_next_run_anywhere(
    story: ApartStory, at: int, by: str
) -> None:
    before = heads(story)
    story.at_moment(at, story.die)
    with story.inside(), pytest.raises(Crash):
        story.materialize(f"{B} {C}")
    asked = story.catalog.asked
    assert not story.is_settled()
    other_run(story, by)
    assert heads(story) == before, "readers of main see nothing of it"
    assert seen_inside(story) == (([3, 6], [9]) if at else ([2, 4], [6]))
    assert left_over(story) == []
    said = [one for one in story.verdicts(B, "pr") if one not in story.verdicts(B)]
    assert bool(said) == bool(at), "the ledger of the environment says so, and main's knows nothing of it"
    with pytest.raises(ConflictError):
        story.catalog.late(asked)
    if at:
        done = story.promote()
        assert {*ready(done.promotion)} >= {B, C}
        assert (story.rows(B), story.rows(C)) == ([3, 6], [9])


@pytest.mark.sampled(2)
@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("at", MOMENTS)
def test_a_promote_that_died_is_finished_or_refused_for_good_by_the_next_run(
    story: ApartStory, at: int, by: str
) -> None:
    before = heads(built(story))
    inside = tuple(story.head(name) for name in (B, C))
    story.at_moment(at, story.die)
    with pytest.raises(Crash):
        story.promote()
    asked = story.catalog.asked
    other_run(story, by)
    if at:
        assert heads(story) == (before[0], *inside)
        assert [run.state for run in story.ledger.runs()].count(RunState.PUBLISHED) >= 3
        assert not {*ready(story.said())} & {B, C}
        assert story.is_fresh(f"{B} {C}"), "main knows who audited it"
    else:
        assert heads(story) == before
        assert tuple(story.head(name) for name in (B, C)) == inside, "the environment has what it had"
        assert {*ready(story.said())} >= {B, C}
    with pytest.raises(ConflictError):
        story.catalog.late(asked)
    story.promote()
    assert heads(story) == (before[0], *inside)
    assert left_over(story) == []
    with pytest.raises(ConflictError):
        story.catalog.late(asked)


@pytest.mark.parametrize("at", MOMENTS)
def test_who_promotes_and_gets_no_answer_looks_what_came_of_it(story: ApartStory, at: int) -> None:
    built(story)
    story.at_moment(at, story.lose_the_answer)
    if at == 0:
        with pytest.raises(LakeError, match="took none"):
            story.promote()
        assert [ref for ref in story.branches(B) if REFUSED in ref], "a request that comes late finds this"
    story.promote()
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])
    assert story.is_settled()
    assert left_over(story) == []


def test_a_promote_of_which_only_a_part_can_come_is_taken_back(story: ApartStory) -> None:
    before = heads(built(story))
    inside = seen_inside(story)
    story.at_moment(1, story.die)
    with pytest.raises(Crash):
        story.promote()
    (late,) = [name for name in (B, C) if story.head(name) is not None]
    (early,) = {B, C} - {late}
    story.foreign_append(late, [7])
    other_run(story)
    assert story.main(early) == before[(A, B, C).index(early)], "readers of main see what they saw before"
    assert seen_inside(story) == inside, "and those of the environment, too"
    run = next(run for run in story.ledger.runs() if run.reason.startswith("the catalog published"))
    assert (run.state, f"{early} was put back" in run.reason) == (RunState.CONFLICT, True)
    assert not [one for one in story.verdicts(early) if one.run == run_built(story)], "main was handed over nothing"
    assert str(behind(story.said())[late]) == "main has moved since it was built"
    story.promote()
    assert story.is_settled()


def run_built(story: ApartStory) -> str:
    return next(one.run for one in story.verdicts(B, "pr") if one not in story.verdicts(B))


def test_an_environment_is_dropped_after_its_promote_was_settled(story: ApartStory) -> None:
    built(story)
    inside = tuple(story.head(name) for name in (B, C))
    story.at_moment(1, story.die)
    with pytest.raises(Crash):
        story.promote()
    story.reopen()
    story.drop()
    assert heads(story)[1:] == inside, "what was recorded of it is needed on main"
    assert story.is_fresh(f"{B} {C}")
    assert (left_over(story), [story.head(name) for name in (B, C)]) == ([], [None, None])


def test_a_fence_goes_with_the_environment(story: ApartStory) -> None:
    built(story)
    story.at_moment(0, story.die)
    with pytest.raises(Crash):
        story.promote()
    other_run(story)
    assert [ref for ref in story.branches(B) if REFUSED in ref]
    story.drop()
    assert story.branches(B) == []


def moved_under(story: ApartStory) -> None:
    """Of what the environment has built nothing stands on today's main any more."""
    for name, number in ((B, 7), (C, 8)):
        story.foreign_append(name, [number])


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("at", MOMENTS)
def test_a_drop_that_died_is_finished_by_the_next_run_anywhere(story: ApartStory, at: int, by: str) -> None:
    before = heads(built(story))
    story.at_moment(at, story.die)
    with pytest.raises(Crash):
        story.drop()
    asked = story.catalog.asked
    assert story.environments.find("pr") is not None, "until then it is recorded, for its readers see all of it"
    other_run(story, by)
    assert [story.head(name) for name in (B, C)] == [None, None]
    assert (heads(story), story.verdicts(B, "pr")) == (before, story.verdicts(B))
    assert (story.environments.find("pr") is not None) == (by == "pr"), "a run there made it anew"
    assert seen_inside(story) == ([2, 4], [6])
    with pytest.raises(ConflictError):
        story.catalog.late(asked)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("at", MOMENTS)
def test_a_refresh_that_died_is_finished_by_the_next_run_anywhere(story: ApartStory, at: int, by: str) -> None:
    moved_under(built(story))
    before = pins(story)
    story.at_moment(at, story.die)
    with pytest.raises(Crash):
        story.refresh()
    assert pins(story) == before, "until then all pins are what they were, for its readers see all of it"
    other_run(story, by)
    assert [story.head(name) for name in (B, C)] == [None, None]
    assert pins(story) == heads(story)
    assert (story.refresh(), left_over(story)) == ([], [])


def pins(story: ApartStory) -> tuple[int | None, ...]:
    found = story.environments.find("pr")
    assert found is not None
    return tuple(found.pins[key(name)].snapshot_id for name in (A, B, C))


@pytest.mark.parametrize("at", MOMENTS)
def test_who_drops_or_refreshes_and_gets_no_answer_goes_on_to_the_end(story: ApartStory, at: int) -> None:
    moved_under(built(story))
    story.at_moment(at, story.lose_the_answer)
    assert story.refresh() == [C, B]
    assert (pins(story), story.is_settled()) == (heads(story), True)
    built(story)
    story.at_moment(at, story.lose_the_answer)
    assert story.drop() == [C, B]
    assert (story.environments.find("pr"), story.is_settled()) == (None, True)


def test_a_drop_of_which_only_a_part_can_come_is_typed_again(story: ApartStory) -> None:
    """Another engine moves a branch of the environment before it is gone."""
    built(story)
    story.at_moment(1, story.die)
    with pytest.raises(Crash):
        story.drop()
    (late,) = [name for name in (B, C) if story.head(name) is not None]
    story.foreign_append(late, [7], branch="env_pr")
    other_run(story)
    assert story.environments.find("pr") is not None
    assert story.drop() == [late]
    assert (story.environments.find("pr"), left_over(story)) == (None, [])


def test_who_refreshes_what_a_dead_drop_left_is_told_that_it_is_gone(story: ApartStory) -> None:
    built(story)
    story.at_moment(1, story.die)
    with pytest.raises(Crash):
        story.drop()
    story.reopen()
    with pytest.raises(UsageError, match="there is no environment pr"):
        story.refresh()
    assert [story.head(name) for name in (B, C)] == [None, None]


def test_the_intent_of_who_works_in_an_environment_is_its_own_affair(story: ApartStory) -> None:
    """A run on main, and one in another environment, come while the server is asked."""
    story.define("bronze.other", [5])

    def others() -> None:
        name, story.name = story.name, ""
        story.materialize("bronze.other")
        with story.inside("another"):
            story.materialize("bronze.other", forced=True)
        story.name = name
        assert not story.is_settled()

    story.at_moment(1, others)
    with story.inside():
        assert story.materialize(f"{B} {C}").state is RunState.PUBLISHED
    assert story.is_settled()


def test_a_rollback_in_an_environment_that_died_is_made_or_given_up(story: ApartStory) -> None:
    built(story)
    before = heads(story)
    run = run_built(story)
    story.at_moment(1, story.die)
    with story.inside(), pytest.raises(Crash):
        story.rollback(run)
    other_run(story)
    assert heads(story) == before
    assert seen_inside(story) == ([2, 4], [6])
    assert not [ref for name in (B, C) for ref in story.branches(name) if FENCED in ref]
