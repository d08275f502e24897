"""Steps that do not wait for each other are under way together; what comes of them is as if they had run in turn."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import CodeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunState
from lakeflow.core.run.events import StepRetried
from lakeflow.core.run.resources import Resources
from lakeflow.wap.parallel import EndsEarly, ParallelSteps, StepLock
from lakeflow.wap.step import sizes
from tests.core.samples import key
from tests.wap.doubles import Crash
from tests.wap.lab import Lab, states

WAIT = 20


@pytest.fixture
def wide() -> Lab:
    lab = Lab()
    lab.policy = replace(lab.policy, parallel=4, machine=Resources(4, 2**30))
    return lab


def test_independent_steps_are_under_way_together(wide: Lab) -> None:
    together = threading.Barrier(3, timeout=WAIT)
    for name in ("bronze.a", "bronze.b", "bronze.c"):
        wide.define(name, lambda _: [together.wait() or 1])
    assert states(wide.materialize())["run"] == "published"


@pytest.mark.parametrize("count", [1, 3])
def test_a_process_that_is_asked_to_end_lets_the_steps_at_work_end_and_begins_no_other(count: int) -> None:
    ending, done = threading.Event(), list[str]()

    def act(key: AssetKey) -> None:
        ending.set()
        done.append(key.name)

    needs = {AssetKey.parse(f"bronze.{name}"): frozenset[AssetKey]() for name in "abc"}
    needs[AssetKey.parse("silver.d")] = frozenset(needs)

    def run(these: Mapping[AssetKey, frozenset[AssetKey]]) -> None:
        ParallelSteps(count, StepLock(), lambda _: False, lambda: None, ending.is_set).run(these, act)

    with pytest.raises(EndsEarly):
        run(needs)
    assert sorted(done) == list("abc")[:count]
    ending.clear()
    run(dict(list(needs.items())[:count]))  # all of them had begun: there is nothing to leave
    assert len(done) == 2 * count


def test_an_audit_goes_on_while_another_asset_is_written(wide: Lab) -> None:
    together = threading.Barrier(2, timeout=WAIT)
    wide.define("bronze.a", [1])
    wide.check("bronze.a", lambda *_: together.wait() >= 0)
    wide.define("bronze.b", lambda _: [together.wait() or 1])
    assert states(wide.materialize()) == {"run": "published", "bronze.a": "published", "bronze.b": "published"}


def test_a_step_waits_for_its_inputs_and_for_what_its_checks_look_at(wide: Lab) -> None:
    def slowly(_: object) -> list[int]:
        time.sleep(0.2)
        return [1]

    wide.define("bronze.slow", slowly)
    wide.define("bronze.quick", [1])
    wide.check("bronze.quick", lambda _, tables: tables["bronze.slow"] == [1], "bronze.slow")
    wide.define(
        "silver.sum", lambda rows: [sum(rows["bronze.slow"]) + sum(rows["bronze.quick"])], "bronze.slow bronze.quick"
    )
    run = wide.materialize()
    assert set(states(run).values()) == {"published"}
    assert wide.rows("silver.sum") == [2]
    assert [str(step.asset) for step in run.steps] == [str(step.asset) for step in wide.events[0].plan.steps]


def _sum(place: int, rows: Mapping[str, Sequence[int]]) -> list[int]:
    return [place + sum(map(sum, rows.values()))]


def test_any_lake_comes_out_as_it_does_one_by_one() -> None:
    chance = random.Random(7)
    recipes = {f"bronze.t{number}": "" for number in range(4)}
    for number in range(12):
        recipes[f"silver.t{number}"] = " ".join(chance.sample(sorted(recipes), 2))
    ends = []
    for parallel in (1, 4):
        lab = Lab()
        lab.policy = replace(lab.policy, parallel=parallel, machine=Resources(4, 2**30))
        for place, (name, upstreams) in enumerate(recipes.items()):
            lab.define(name, partial(_sum, place), upstreams)
            lab.check(name, lambda rows, _: rows[0] % 7 != 3)
        run = lab.materialize()
        ends.append((states(run), {name: lab.rows(name) for name in recipes if name in states(run)}))
    assert ends[0] == ends[1]
    assert {"published", "held", "skipped"} <= set(ends[0][0].values())


def test_a_step_that_reads_much_has_the_machine_to_itself(wide: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads is known when it is ready: here from the snapshot that the same run wrote of its input."""
    monkeypatch.setattr(sizes, "LARGE", 100)
    inside: list[str] = []
    beside: dict[str, set[str]] = {}

    def step(name: str, rows: list[int]) -> list[int]:
        inside.append(name)
        time.sleep(0.05)
        beside[name] = set(inside) - {name}
        inside.remove(name)
        return rows

    def silver(name: str, _: object) -> list[int]:
        return step(f"silver.{name}", [1])

    wide.define("bronze.few", lambda _: step("bronze.few", [1]))
    wide.define("bronze.many", lambda _: step("bronze.many", list(range(50))))
    for name, upstream in {"a": "few", "b": "few", "c": "many", "d": "few", "e": "many"}.items():
        wide.define(f"silver.{name}", partial(silver, name), f"bronze.{upstream}")
    assert states(wide.materialize())["run"] == "published"
    assert beside["silver.c"] == beside["silver.e"] == set()
    assert not {"silver.c", "silver.e"} & set().union(*beside.values())


def test_the_next_large_step_is_written_while_one_is_audited(wide: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a part of the machine until the audit is over; then the other has all of it."""
    monkeypatch.setattr(sizes, "LARGE", 100)
    wide.outside = {"many/*": 100}
    together = threading.Barrier(2, timeout=WAIT)

    def until_given(_: object) -> list[int]:
        together.wait()
        while not wide.engine.regranted:
            time.sleep(0.01)
        return [1]

    wide.define("bronze.a", [1], named_files=("many/*",))
    wide.check("bronze.a", lambda *_: together.wait() >= 0)
    wide.define("bronze.b", until_given, named_files=("many/*",))
    assert states(wide.materialize())["run"] == "published"
    # Once when the audit ends, and once when the code has begun: before, there was nothing to tell it to.
    assert [(str(name), share) for name, share in wide.engine.regranted] == [("bronze.b", Resources(4, 2**30))] * 2


def test_a_root_is_as_large_as_the_files_that_it_names(wide: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it declares them, or its SELECT spells them out."""
    monkeypatch.setattr(sizes, "LARGE", 100)
    wide.outside = {"many/*": 100, "few/*": 99}
    under_way: set[str] = set()
    beside: dict[str, set[str]] = {}

    def step(name: str, _: object) -> list[int]:
        under_way.add(name)
        time.sleep(0.05)
        beside[name] = under_way - {name}
        under_way.remove(name)
        return [1]

    files: dict[str, dict[str, Any]] = {
        "spelled": {"named_files": ("many/*",)},
        "declared": {"reads": ("many/*",)},
        "both": {"reads": ("many/*",), "named_files": ("many/*",)},
        "a": {"named_files": ("few/*",)},
        "b": {"reads": ("few/*",)},
    }
    for name, fields in files.items():
        wide.define(f"bronze.{name}", partial(step, name), **fields)
    assert states(wide.materialize())["run"] == "published"
    assert beside["spelled"] == beside["declared"] == beside["both"] == set()


def test_a_step_that_is_left_alone_is_given_what_the_others_gave_back(wide: Lab) -> None:
    given: list[Resources] = []

    def until_given(_: object) -> list[int]:
        while sum(key.name == "long" for key, _ in wide.engine.regranted) < 2:
            time.sleep(0.01)
        given.extend(resources for key, resources in wide.engine.regranted if key.name == "long")
        return [1]

    wide.define("bronze.long", until_given)
    wide.define("bronze.a", [1])
    wide.define("bronze.b", [1])
    assert states(wide.materialize())["run"] == "published"
    assert [(each.threads, each.memory) for each in given] == [(2, 2**29), (4, 2**30)]


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_commits_need_is_loaded_while_rows_are_written(
    wide: Lab, parallel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide.policy = replace(wide.policy, parallel=parallel)
    loaded, store = threading.Event(), wide.shelf.store

    def slowly(numbers: Sequence[int], directory: str) -> Any:
        assert loaded.wait(WAIT)
        return store(numbers, directory)

    monkeypatch.setattr(wide.shelf, "store", slowly)
    wide.define("bronze.a", [1])
    world = replace(wide.world, warm_up=loaded.set)
    run = wap.materialize(world, wap.Request((key("bronze.a"),)), wide.events.append)
    assert run is not None
    assert states(run)["run"] == "published"


def test_what_is_done_beside_long_work_holds_the_lock() -> None:
    lock, inside = StepLock(), threading.Event()
    order: list[str] = []

    def other() -> None:
        inside.set()
        time.sleep(0.05)
        order.append("other")

    def work() -> str:
        inside.wait(WAIT)
        with lock.held():
            order.append("work")
        return "rows"

    assert lock.beside(work, other) == "rows"
    assert order == ["other", "work"]


def test_an_error_on_either_side_is_told_once_both_have_ended() -> None:
    ended: list[str] = []

    def fails() -> None:
        raise CodeError("no")

    with pytest.raises(CodeError, match="no"):
        StepLock().beside(fails, lambda: ended.append("other"))
    with pytest.raises(CodeError, match="no"):
        StepLock().beside(lambda: ended.append("work"), fails)
    assert ended == ["other", "work"]


def test_an_errored_step_leaves_those_beside_it_alone(wide: Lab) -> None:
    together = threading.Barrier(2, timeout=WAIT)

    def broken(_: object) -> list[int]:
        together.wait()
        raise CodeError("bronze.a: no")

    wide.define("bronze.a", broken)
    wide.define("bronze.b", lambda _: [together.wait() or 1])
    assert states(wide.materialize()) == {"run": "failed", "bronze.a": "errored", "bronze.b": "published"}


def test_when_the_run_dies_nothing_beside_acts_any_more(wide: Lab) -> None:
    together, over = threading.Barrier(2, timeout=WAIT), threading.Event()

    def deadly(_: object) -> list[int]:
        together.wait()
        raise Crash("here")

    def slow(_: object) -> list[int]:
        together.wait()
        over.wait(WAIT)
        return [1]

    wide.engine.interrupt = over.set  # type: ignore[method-assign]  # what a real engine does to a query
    wide.define("bronze.a", deadly)
    wide.define("bronze.b", slow)
    with pytest.raises(Crash):
        wide.materialize()
    run = wide.run()
    assert run.state is RunState.FAILED
    assert [step.snapshot_id for step in run.steps] == [None, None]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("step")]


def test_a_pause_between_tries_holds_nobody_up_and_ends_with_the_run(wide: Lab) -> None:
    wide.policy = replace(wide.policy, retry_pause=3600.0)

    def failing(_: object) -> list[int]:
        raise CodeError("bronze.a: try again")

    def deadly(_: object) -> list[int]:
        while not any(isinstance(event, StepRetried) for event in wide.events):
            time.sleep(0.01)
        raise Crash("here")

    wide.define("bronze.a", failing, limits=replace(wide.policy.limits, retries=1))
    wide.define("bronze.b", deadly)
    with pytest.raises(Crash):
        wide.materialize()


def test_only_errors_of_the_code_are_tried_again(lab: Lab) -> None:
    lab.policy = replace(lab.policy, limits=replace(lab.policy.limits, retries=3))
    tries: list[int] = []

    def recipe(_: object) -> list[int]:
        tries.append(1)
        if len(tries) < 3:
            raise CodeError("not yet")
        return [1]

    lab.define("bronze.a", recipe)
    assert states(lab.materialize("bronze.a")) == {"run": "published", "bronze.a": "published"}
    assert len(tries) == 3
    told = [event for event in lab.events if isinstance(event, StepRetried)]
    assert [(event.failed, event.retries, event.reason) for event in told] == [(1, 3, "not yet"), (2, 3, "not yet")]
