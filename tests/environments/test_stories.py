"""What a promote decides and does, told of rows that are numbers, with a real ledger and no engine: of real tables, and
of tables as values.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from lakeflow.core.errors import BusyError, ConflictError, UsageError
from lakeflow.core.log.recorded import moves_of
from lakeflow.core.model.run import MoveNote, Ruling, RunState, StepState
from lakeflow.wap.environments.drop import drop_outdated
from tests.core.samples import key
from tests.environments.stories import RealStory, Story, StoryInMemory, behind, held, ready, run_of
from tests.wap.doubles import Crash

A, B, C = "bronze.a", "silver.b", "gold.c"


def told(story: Story) -> Story:
    story.define(A, [1, 2], reads=("a.csv",))
    story.define(B, lambda rows: [2 * number for number in rows[A]], A)
    story.define(C, lambda rows: [sum(rows[B])], B)
    return story


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, ...]]]:
    """A lake whose three tables are on main, and what its files hold."""
    root = tmp_path_factory.mktemp("stories")
    made = told(RealStory(root / "lake"))
    made.materialize()
    made.close()
    shutil.copytree(root / "lake", root / "kept")
    return root, made.shelf.held


@pytest.fixture(params=["in memory", pytest.param("on disk", marks=pytest.mark.long)])
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    lab = in_memory() if request.param == "in memory" else on_disk(*request.getfixturevalue("begun"))
    lab.shelf._names, lab._ids = count(1000), count(1000)
    yield lab
    lab.close()


def in_memory() -> Story:
    lab = told(StoryInMemory())
    lab.materialize()
    return lab


def on_disk(root: Path, files: dict[str, tuple[int, ...]]) -> Story:
    shutil.rmtree(root / "lake")
    shutil.copytree(root / "kept", root / "lake")
    lab = told(RealStory(root / "lake"))
    lab.shelf.held |= files
    return lab


def tripled(story: Story, names: str = f"{B} {C}") -> Story:
    """With `silver.b` changed, and these built in the environment."""
    story.define(B, lambda rows: [3 * number for number in rows[A]], A)
    with story.inside():
        story.materialize(names)
    return story


def heads(story: Story) -> dict[str, int | None]:
    return {name: story.main(name) for name in (A, B, C)}


def test_main_moves_to_what_was_audited_there_and_the_runs_are_main_s_too(story: Story) -> None:
    before = heads(tripled(story))
    built = {name: story.head(name) for name in (B, C)}
    found = story.said()
    assert (ready(found), behind(found), held(found), found.rows_not_read) == ([C, B], {}, [], 3)
    assert found.name == "pr"
    assert [(one.base, one.snapshot_id) for one in found.ready] == [(before[name], built[name]) for name in (C, B)]
    assert (heads(story), story.released) == (before, []), "a look changes nothing, and leaves the lake open"
    ran = len(story.engine.ran)
    done = story.promote()
    assert len(story.engine.ran) == ran
    assert heads(story) == {**before, **built}
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])
    assert story.is_fresh()
    assert done.promotion.ready == found.ready
    assert done.built is None
    assert [story.head(name) for name in (B, C)] == [None, None]
    pinned = story.environments.find("pr")
    assert pinned is not None
    assert {str(one): pin.snapshot_id for one, pin in pinned.pins.items()} == heads(story)
    assert {one.uuid for one in pinned.pins.values()} == {story.table(name).uuid for name in (A, B, C)}
    assert "lake" in story.claimed, "before anything is written"
    assert story.promote().promotion == story.said()
    assert ready(story.said()) == []


def test_what_a_promote_records(story: Story) -> None:
    base = story.main(B)
    story.check(B, lambda rows, _: True)
    tripled(story)
    (made,) = [one for one in story.verdicts(B, "pr") if one.snapshot_id == story.head(B)]
    story.actor = "berta"
    run = run_of(story.promote())
    assert (run.state, run.actor, run.selection) == (RunState.PUBLISHED, "berta", (C, B))
    assert run.reason == "promoted from environment pr"
    assert run.ended_at is not None
    assert run.ended_at > run.started_at
    step = run.step(key(B))
    assert step is not None
    assert (step.state, step.base_id, step.snapshot_id, step.rows) == (StepState.PUBLISHED, base, story.main(B), 2)
    assert (step.reason, step.attempt, step.seconds) == ("", 1, 0.0)
    assert step.ended_at is not None
    assert step.ended_at > made.at, "when it was promoted, not when it was built"
    assert step.reasons
    assert [check.name for check in step.checks] == ["rule", "rows"]
    first, last = [one for one in story.verdicts(B) if one.snapshot_id == story.main(B)]
    assert first == made, "word for word"
    assert (last.run, last.ruling, last.attempt, last.at) == (run.id, Ruling.PUBLISH, 1, run.ended_at)
    assert (last.actor, last.passed, last.total) == ("berta", made.passed, made.total)
    assert last.reason == f"promoted from environment pr, where run {made.run} audited it"
    assert story.run(run.id) == run
    assert story.run(made.run).step(key(B)) is not None
    noted = moves_of(story.table(B).properties)[-1]
    assert noted.snapshot_id == story.main(B)
    assert noted.note == MoveNote(
        Ruling.PUBLISH, run.id, "berta", "promoted from environment pr", step.reasons, made.passed, made.total
    )


def test_what_several_runs_there_built_is_one_step_from_what_main_is(story: Story) -> None:
    before = story.main(B)
    tripled(story, B)
    story.define(B, lambda rows: [4 * number for number in rows[A]], A)
    with story.inside():
        story.materialize(B)
    run = run_of(story.promote())
    step = run.step(key(B))
    assert step is not None
    assert (step.base_id, step.snapshot_id) == (before, story.main(B))
    assert story.rollback(run).state is RunState.ROLLED_BACK
    assert (story.main(B), story.rows(B)) == (before, [2, 4])


def test_what_a_later_run_there_confirmed_is_published_on_main(story: Story) -> None:
    tripled(story, B)
    story.define(B, lambda rows: [number + 2 * number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.UNCHANGED
    assert [said.ruling for said in story.verdicts(B, "pr")][-1] is Ruling.UNCHANGED
    story.promote()
    last = story.verdicts(B)[-1]
    assert (last.ruling, last.snapshot_id) == (Ruling.PUBLISH, story.main(B))
    assert story.is_fresh(B)


def test_main_that_was_confirmed_there_stays_and_the_verdict_counts(story: Story) -> None:
    story.define(B, lambda rows: [number + number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.UNCHANGED
    (one,) = story.said().ready
    assert (one.is_confirmed, one.base, one.snapshot_id, one.rows) == (True, story.main(B), story.main(B), 2)
    before = heads(story)
    step = run_of(story.promote()).step(key(B))
    assert step is not None
    assert (step.state, heads(story)) == (StepState.UNCHANGED, before)
    assert story.is_fresh(B)
    assert [said.ruling for said in story.verdicts(B)] == [Ruling.PUBLISH, Ruling.UNCHANGED]
    assert ready(story.said()) == [], "once"


def test_what_a_rollback_there_left_on_main_can_be_confirmed_after_it(story: Story) -> None:
    tripled(story, B)
    with story.inside():
        story.rollback("r1000")
    assert ready(story.said()) == []
    story.define(B, lambda rows: [number + number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.UNCHANGED
    assert [one.is_confirmed for one in story.said().ready] == [True]
    story.promote()
    assert story.is_fresh(B)


def test_what_main_moved_under_is_built_again_there_first(story: Story) -> None:
    tripled(story)
    story.define(A, [5], reads=("a.csv",))
    story.materialize(A)
    found = story.said()
    assert ready(found) == []
    assert list(behind(found)) == [C, B]
    assert behind(found)[B].startswith("input moved: bronze.a")
    done = story.promote()
    assert done.built is not None
    assert done.built.selection == (C, B)
    assert ready(done.promotion) == [C, B]
    assert (story.rows(B), story.rows(C)) == ([3, 6, 15], [24])
    assert story.is_fresh()


def test_what_another_engine_wrote_to_main_stays_until_it_is_built_again(story: Story) -> None:
    tripled(story)
    story.foreign_append(B, [99])
    assert behind(story.said()) == {B: "main has moved since it was built", C: "upstream runs: silver.b"}
    story.promote()
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])


def test_what_is_held_there_stays_and_is_not_done_again(story: Story) -> None:
    story.check(C, lambda _, __: False)
    tripled(story)
    before = story.main(C)
    done = story.promote()
    assert (ready(done.promotion), held(done.promotion), behind(done.promotion)) == ([B], [C], {})
    assert done.built is None
    assert story.main(C) == before
    story.check(C, lambda _, __: True)
    with story.inside():
        story.publish("r1000")
    assert ready(story.promote().promotion) == [C]
    assert story.rows(C) == [9]


def test_a_check_of_another_day_holds_what_it_audits_there(story: Story) -> None:
    tripled(story)
    story.check(B, lambda _, __: False)
    with story.inside():
        assert story.materialize(B).state is RunState.HELD
    assert behind(story.said()) == {B: "an audit there held it since", C: "upstream runs: silver.b"}
    assert story.promote().run is None
    story.check(B, lambda _, __: True)
    assert ready(story.promote().promotion) == [C, B]


def test_what_a_check_holds_when_it_is_built_again_stays_there(story: Story) -> None:
    before = heads(tripled(story))
    story.check(B, lambda _, __: False)
    story.define(A, [5], reads=("a.csv",))
    story.materialize(A)
    done = story.promote()
    assert (done.run, ready(done.promotion)) == (None, [])
    assert done.built is not None
    assert (done.built.state, held(done.promotion)) == (RunState.HELD, [C, B])
    assert {name: story.main(name) for name in (B, C)} == {B: before[B], C: before[C]}


def test_what_was_forced_there_stays_and_the_way_back_is_named(story: Story) -> None:
    story.check(B, lambda _, __: False)
    tripled(story, B)
    with story.inside():
        story.publish("r1000", reason="I know")
    why = "a part of it was published there by force, which `lakeflow rollback r1000 --env pr` takes back"
    assert behind(story.said()) == {B: why}
    assert story.promote().run is None
    story.check(B, lambda _, __: True)
    story.define(B, lambda rows: [4 * number for number in rows[A]], A)
    with story.inside():
        later = story.materialize(B)
    assert later.state is RunState.PUBLISHED
    assert behind(story.said()) == {B: why}, "what stands on it came by force too"
    with story.inside():
        story.rollback(later)
        story.rollback("r1000")
        story.materialize(B)
    assert ready(story.promote().promotion) == [B]
    assert story.rows(B) == [4, 8]


def test_a_table_that_was_dropped_meanwhile_is_built_again_before_what_is_made_from_it(story: Story) -> None:
    tripled(story)
    mine = {one: story.assets.pop(one) for one in (key(B), key(C))}
    story.drop_table(B)
    story.assets |= mine
    assert behind(story.said()) == {C: "upstream runs: silver.b", B: "never built"}
    assert ready(story.promote().promotion) == [C, B]
    assert (story.rows(B), story.rows(C)) == ([3, 6], [9])
    assert story.is_fresh()


def test_what_main_took_back_to_nothing_is_built_again_however_far_above_it_stands(story: Story) -> None:
    story.define(C, lambda rows: [sum(rows[B]) + 1], B)
    with story.inside():
        story.materialize(C)
    story.rollback("r1")
    assert heads(story) == {A: None, B: None, C: None}
    assert behind(story.said()).keys() == {A, B, C}
    assert ready(story.promote().promotion) == [A, C, B]
    assert story.rows(C) == [7]
    assert story.is_fresh()


def test_an_environment_plans_for_a_table_that_was_dropped_on_main(story: Story) -> None:
    tripled(story, B)
    mine = story.assets.pop(key(B))
    story.drop_table(B)
    story.assets[key(B)] = mine
    with story.inside():
        assert [str(step.asset) for step in story.plan(B).steps] == [B]


def test_no_asset_defines_it_any_more(story: Story) -> None:
    story.define("gold.z", lambda rows: rows[B], B)
    with story.inside():
        story.materialize("gold.z")
    assert ready(story.said()) == ["gold.z"]
    del story.assets[key("gold.z")]
    assert behind(story.said()) == {"gold.z": "no asset defines it any more"}
    done = story.promote()
    assert (done.run, done.built) == (None, None)
    assert story.main("gold.z") is None


def test_a_run_that_was_handed_over_rolled_back_and_handed_over_again_stands_with_the_rest_alone(story: Story) -> None:
    story.define("silver.d", lambda rows: [5 * number for number in rows[A]], A)
    story.check("silver.d", lambda _, __: False)
    tripled(story, f"{B} silver.d")
    assert ready(story.promote().promotion) == [B]
    story.rollback("r1000")
    assert story.run("r1000").state is RunState.ROLLED_BACK
    story.check("silver.d", lambda _, __: True)
    with story.inside():
        story.publish("r1000")
    assert ready(story.promote().promotion) == ["silver.d"]
    run = story.run("r1000")
    assert {str(step.asset): step.state for step in run.steps} == {
        B: StepState.SKIPPED,
        "silver.d": StepState.PUBLISHED,
    }
    assert run.state is RunState.PUBLISHED
    assert (story.rows(B), story.rows("silver.d")) == ([2, 4], [5, 10])
    assert story.rollback("r1000").state is RunState.ROLLED_BACK
    assert (story.rows(B), story.main("silver.d")) == ([2, 4], None)


def test_what_main_held_is_superseded(story: Story) -> None:
    story.check(B, lambda _, __: False)
    story.define(B, lambda rows: [9 * number for number in rows[A]], A)
    left = story.materialize()
    assert left.state is RunState.HELD
    story.check(B, lambda _, __: True)
    tripled(story)
    story.promote()
    assert story.run(left.id).state is RunState.SUPERSEDED


def test_what_was_read_must_be_what_it_was_when_main_moves(story: Story) -> None:
    before = heads(tripled(story))
    story.at("catalog.commit>", lambda: story.foreign_append(A, [9]))
    with pytest.raises(ConflictError, match=r"bronze\.a: main moved") as caught:
        story.promote()
    assert caught.value.hint == "nothing was changed; `lakeflow env promote pr` decides again on what is there now"
    assert caught.value.asset == key(A)
    assert {name: story.main(name) for name in (B, C)} == {B: before[B], C: before[C]}
    assert ready(story.promote().promotion) == [C, B]
    assert story.rows(C) == [36]


def test_what_a_check_looks_into_must_be_what_it_was_too(story: Story) -> None:
    story.define("bronze.x", [1], reads=("x.csv",))
    story.materialize("bronze.x")
    story.check(B, lambda rows, named: len(rows) >= len(named["bronze.x"]), references="bronze.x")
    tripled(story, B)
    story.at("catalog.commit>", lambda: story.foreign_append("bronze.x", [9]))
    with pytest.raises(ConflictError, match=r"bronze\.x: main moved"):
        story.promote()


def test_what_is_confirmed_must_still_be_main_too(story: Story) -> None:
    story.define(B, lambda rows: [number + number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.UNCHANGED
    story.at("catalog.commit>", lambda: story.foreign_append(B, [9]))
    with pytest.raises(ConflictError, match=r"silver\.b: main moved"):
        story.promote()


@pytest.mark.parametrize("turn", [1, 2, 3, 4])
def test_at_each_lease_that_it_takes_a_promote_waits_for_who_is_at_work_for_a_moment(story: Story, turn: int) -> None:
    tripled(story)
    story.define(A, [5], reads=("a.csv",))
    story.materialize(A)
    tries = story.busy_at(turn, B)
    assert ready(story.promote(wait=30.0).promotion) == [C, B]
    there, main = "ledger@pr.acquire>", "ledger.acquire>"
    taken = [there, there, main, there]
    assert tries == [*taken[:turn], *taken[turn - 1 :]]
    assert story.rows(B) == [3, 6, 15]


def test_who_is_at_work_on_main_or_there_is_waited_for(story: Story) -> None:
    before = heads(tripled(story))
    with story.leased(C), pytest.raises(BusyError, match=r"gold\.c is busy"):
        story.promote()
    with story.leased(B, "pr"), pytest.raises(BusyError, match=r"silver\.b is busy"):
        story.promote()
    assert heads(story) == before
    with story.leased(A), story.leased(A, "pr"):
        assert ready(story.promote().promotion) == [C, B]


def test_what_was_promoted_is_rolled_back_on_main_and_not_there_alone(story: Story) -> None:
    """From behind main nothing could be promoted ever again."""
    tripled(story)
    before, run = heads(story), story.verdicts(B, "pr")[-1].run
    published = run_of(story.promote())
    for way in ("the run", "the table"):
        with story.inside(), pytest.raises(UsageError) as caught:
            story.rollback(run) if way == "the run" else story.return_to(B, before[B] or 0, force=True)
        assert caught.value.message.endswith(f" would be behind it: run {published.id} is one of main")
        assert caught.value.hint == "`--env main` says that it is meant"
    story.rollback(published)
    assert (heads(story), story.refresh()) == (before, [])
    with story.inside():
        story.materialize(f"{B} {C}")
    assert ready(story.promote().promotion) == [C, B]


def test_a_run_that_waited_while_its_environment_was_dropped_makes_it_anew(story: Story) -> None:
    def dropped() -> None:
        name, story.name = story.name, ""
        story.drop()
        story.name = name

    first = tripled(story).head(B)
    story.foreign_append(A, [5])
    story.at("ledger@pr.acquire>", dropped)
    with story.inside():
        story.materialize(f"{B} {C}", forced=True)
    made = story.environments.find("pr")
    assert made is not None
    assert (made.pins[key(A)].snapshot_id, story.head(B) not in {first, None}) == (story.main(A), True)
    assert story.rows(B, story.head(B)) == [3, 6, 15], "made from what main is now"


def test_one_that_makes_more_ready_meanwhile_is_not_torn(story: Story) -> None:
    before = heads(tripled(story))
    story.define(A, [5], reads=("a.csv",))

    def more() -> None:
        with story.inside():
            story.materialize()

    story.at("ledger.acquire>", more)
    with pytest.raises(BusyError, match=r"a run in environment pr made bronze\.a ready meanwhile") as caught:
        story.promote()
    assert caught.value.hint == "promote it again"
    assert heads(story) == before
    assert ready(story.promote().promotion) == [A, C, B]
    assert story.rows(C) == [24]


def test_nothing_is_published_where_a_run_took_back_what_was_ready(story: Story) -> None:
    before = heads(tripled(story))

    def back() -> None:
        with story.inside():
            story.rollback("r1000")

    story.at("ledger.acquire>", back)
    done = story.promote()
    assert (done.run, ready(done.promotion)) == (None, [])
    assert heads(story) == before


def test_what_moves_main_while_leases_are_waited_for_is_built_on(story: Story) -> None:
    tripled(story)
    story.at("ledger.acquire>", lambda: story.foreign_append(B, [99]))
    done = story.promote()
    assert (done.built is not None, ready(done.promotion), behind(done.promotion)) == (True, [C, B], {})
    assert (story.rows(B), story.rows(C), story.is_fresh()) == ([3, 6], [9], True)


def test_what_moves_main_while_it_is_built_again_is_built_on(story: Story) -> None:
    tripled(story)
    story.foreign_append(B, [99])
    # The first lease there is that of the refresh, after which the run reads what is pinned.
    story.at("ledger@pr.release>", lambda: story.foreign_append(B, [98]))
    done = story.promote()
    assert (ready(done.promotion), behind(done.promotion)) == ([C, B], {})
    assert (story.rows(B), story.rows(C), story.is_fresh()) == ([3, 6], [9], True)


def test_of_two_environments_that_have_the_same_the_second_has_nothing_left(story: Story) -> None:
    tripled(story)
    with story.inside("other"):
        story.materialize(f"{B} {C}")
    story.at("ledger.acquire>", lambda: story.promote("other"))
    done = story.promote()
    assert (done.run, ready(done.promotion), behind(done.promotion)) == (None, [], {})
    assert (story.rows(B), story.rows(C), story.is_fresh()) == ([3, 6], [9], True)


def test_a_main_that_never_stands_still_is_given_up(story: Story) -> None:
    """Each time that main's leases are taken another engine has written once more."""
    tripled(story)
    story.gate(lambda call: story.foreign_append(B, [99]) if call == "ledger.acquire>" else None)
    done = story.promote()
    assert (done.run, behind(done.promotion)[B]) == (None, "main has moved since it was built")


def test_wherever_a_promote_dies_all_of_it_is_on_main_or_nothing(story: Story) -> None:
    before = heads(tripled(story))
    after = {**before, **{name: story.head(name) for name in (B, C)}}
    for call in ("ledger.acquire>", "ledger.acquire<", "catalog.commit>", "ledger.record<"):
        story.crash_at(call)
        with suppress(Crash):
            story.promote()
        story.reopen()
        assert heads(story) == before, call
    story.crash_at("catalog.commit<")
    with suppress(Crash):
        story.promote()
    story.reopen()
    assert heads(story) == after
    assert story.promote().run is None
    assert {run.state for run in story.world.ledger.runs()} == {RunState.PUBLISHED}


def test_an_unknown_environment_is_named_with_those_there_are(story: Story) -> None:
    tripled(story)
    for act in (story.said, story.promote, story.refresh, story.drop):
        with pytest.raises(UsageError, match="there is no environment pr_1") as caught:
            act("pr_1")
        assert caught.value.hint == "did you mean 'pr'?"


def test_a_root_that_always_runs_is_no_reason_to_build_again(story: Story) -> None:
    story.define("bronze.r", [7])
    story.define("silver.r", lambda rows: [n + 1 for n in rows["bronze.r"]], "bronze.r")
    with story.inside():
        story.materialize("bronze.r silver.r")
    assert ready(story.said()) == ["bronze.r", "silver.r"]
    assert story.promote().built is None
    assert story.rows("silver.r") == [8]


def test_a_refresh_lets_go_of_what_main_moved_under_and_of_nothing_else(story: Story) -> None:
    tripled(story)
    assert story.refresh() == []
    story.define(B, lambda rows: [number + 2 * number for number in reversed(rows[A])] + [1], A)
    first = story.head(B)
    with story.inside():
        story.materialize(B)
    mine = {name: story.head(name) for name in (B, C)}
    assert first != mine[B]
    story.foreign_append(B, [99])
    assert story.rows(B, mine[B]) == [1, 3, 6]
    assert story.refresh() == [B]
    assert {name: story.head(name) for name in (B, C)} == {B: None, C: mine[C]}
    assert not {first, mine[B]} & story.table(B).snapshots.keys(), "all that its runs wrote"
    pinned = story.environments.find("pr")
    assert pinned is not None
    assert {str(one): pin.snapshot_id for one, pin in pinned.pins.items()} == heads(story)
    with story.leased(A, "pr"), pytest.raises(BusyError):
        story.refresh()


def test_a_drop_leaves_nothing_of_it_and_nothing_else_away(story: Story) -> None:
    tripled(story)
    with story.inside("other"):
        story.materialize(B)
    story.check(B, lambda _, __: False)
    story.define(B, lambda rows: [4 * number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).state is RunState.HELD
    before = {name: story.rows(name) for name in (A, B, C)}
    with story.leased(A, "pr"), pytest.raises(BusyError):
        story.drop()
    assert story.drop() == [C, B]
    assert story.environments.find("pr") is None
    assert story.environments.find("other") is not None
    assert {name: story.rows(name) for name in (A, B, C)} == before
    assert set(story.table(B).refs) == {"main", "env_other"}
    assert set(story.table(B).snapshots) == {story.main(B), story.head(B, "other")}
    assert story.verdicts(B, "pr") == story.verdicts(B)
    with pytest.raises(UsageError, match="there is no environment pr"):
        story.drop()
    with pytest.raises(UsageError, match="cannot name an environment"):
        story.drop("No")


def test_what_is_left_of_one_that_nobody_recorded_is_dropped_and_it_is_not_made_by_that(story: Story) -> None:
    tripled(story)
    story.environments.forget("pr")
    assert story.drop() == [C, B]
    assert story.environments.find("pr") is None
    assert set(story.table(B).refs) == {"main"}


def test_a_branch_that_stands_on_main_is_dropped_too() -> None:
    with closing(in_memory()) as story:
        with story.inside():
            story.materialize(C, forced=True)
        held = story.table(A)
        assert held.main is not None
        story.catalog._put(replace(held, refs={**held.refs, "env_pr": held.main}))
        assert A in story.drop()
        assert set(story.table(A).refs) == {"main"}


def test_what_was_promoted_outlives_its_environment(story: Story) -> None:
    tripled(story)
    run = run_of(story.promote())
    seen = heads(story)
    story.drop()
    assert heads(story) == seen
    assert (story.rows(B), story.is_fresh()) == ([3, 6], True)
    assert story.rollback(run).state is RunState.ROLLED_BACK
    assert story.rows(B) == [2, 4]


def test_what_nobody_used_for_so_long_is_dropped_unless_a_run_is_at_work_there(story: Story) -> None:
    tripled(story)
    with story.inside("other"):
        story.materialize(B)
    assert drop_outdated(story.world, story.hours(1)) == ()
    with story.leased(A, "other"):
        assert drop_outdated(story.world, story.hours(0)) == ("pr",)
    assert [one.name for one in story.environments.all()] == ["other"]


def test_what_was_made_anew_there_and_is_main_s_own_takes_the_place_of_what_main_held(story: Story) -> None:
    left = held_on_main(story)
    del story.suites[key(B)]
    story.define(B, lambda rows: [number + number for number in rows[A]], A)
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.UNCHANGED
    story.promote()
    assert story.run(left).state is RunState.SUPERSEDED


def test_what_was_only_audited_there_takes_the_place_of_nothing(story: Story) -> None:
    mine = story.assets[key(B)]
    left = held_on_main(story)
    story.assets[key(B)] = mine
    with story.inside():
        assert story.materialize(B).steps[0].state is StepState.AUDITED
    assert [one.is_confirmed for one in story.promote().promotion.ready] == [True]
    assert story.run(left).state is RunState.HELD


def held_on_main(story: Story) -> str:
    """A run on main that holds other rows of `silver.b`, by a check that is mended since."""
    story.check(B, lambda _, __: False)
    story.define(B, lambda rows: [9 * number for number in rows[A]], A)
    left = story.materialize(B)
    assert left.state is RunState.HELD
    story.check(B, lambda _, __: True)
    return left.id


def test_the_last_word_there_is_the_last_on_main_though_the_clock_was_set_back_in_between(story: Story) -> None:
    clock = story.clock
    for hours in (0, 2):
        story.check(B, lambda _, __: True)
        story.clock = lambda hours=hours: clock() - story.hours(hours)
        with story.inside():
            story.materialize(B)
    story.clock = clock
    assert [one.is_confirmed for one in story.promote().promotion.ready] == [True]
    assert story.verdicts(B)[-1].checks_digest == story.suites[key(B)].digest
    assert story.is_fresh(B)


def test_a_rename_is_main_s_alone_and_is_said_to_be(story: Story) -> None:
    tripled(story, B)
    old = story.assets.pop(key(B))
    story.define("silver.bb", lambda rows: [3 * number for number in rows[A]], A, renamed_from=old.key)
    del story.assets[key(C)]
    with pytest.raises(UsageError, match=r"for all readers \(silver\.b\)") as caught, story.inside():
        story.materialize("silver.bb")
    assert caught.value.hint == "`lakeflow materialize --env main silver.bb` gives it the other name"
    story.materialize("silver.bb")
    assert story.rows("silver.bb") == [3, 6]
    assert behind(story.said()) == {"silver.bb": "main has moved since it was built"}
    assert ready(story.promote().promotion) == []
    assert set(story.table("silver.bb").refs) == {"main"}
