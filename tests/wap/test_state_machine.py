"""Any history of commands, foreign commits and crashes keeps the promises, judged by a perfect model after each step.

The model knows every recipe, so it can compute the rows of any snapshot from its provenance alone, and it watches main
at every port call, so that nothing that a reader could have seen escapes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lakeflow.core.errors import AssetError, BusyError, ConflictError, UsageError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import GIVEN_UP, UNPUBLISHED_ENDS, Action, Ruling, RunRecord, RunState, StepState
from lakeflow.core.model.table import MAIN, Snapshot
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.reasons import Cause
from tests.core.samples import key
from tests.explored import examples, lives
from tests.homes import home_of
from tests.wap.doubles import KEYS, Crash, Rule, key_of, part_of
from tests.wap.lab import Lab

UPSTREAMS = {
    "bronze.a": "",
    "bronze.z": "",
    "silver.b": "bronze.a",
    "silver.d": "bronze.z",
    "silver.e": "bronze.a",
    "silver.f": "bronze.z",
    "gold.c": "silver.b silver.d silver.e silver.f",
}
FIELDS: dict[str, dict[str, Any]] = {
    "bronze.a": {"reads": ("a.csv",)},
    "silver.d": {"write": WriteMode.APPEND},
    "silver.e": {"write": WriteMode.UPSERT},
    "silver.f": {"write": WriteMode.PARTITION},
}
NAMES = tuple(UPSTREAMS)
REFERENCES = {"gold.c": "silver.b", "silver.b": "bronze.z"}
DONE = {StepState.PUBLISHED, StepState.UNCHANGED, StepState.AUDITED}
RULES: dict[str, Rule] = {
    "good": lambda rows, _: True,
    "bad": lambda rows, _: False,
    "even": lambda rows, _: sum(rows) % 2 == 0,
}


class Meddling(NamedTuple):
    """What happens once, at the n-th port call of a command or at the first of that name.

    The process dies (`crash`), somebody types Ctrl-C (`interrupt`), or another engine commits.
    """

    call: int | str
    what: str
    name: str = ""


ACTS = ("append", "append", "compact", "overwrite")
MOMENTS = ("catalog.commit>", "catalog.commit>", "auditor.audit<", "engine.produce>", "catalog.restage<")
names = st.sampled_from(NAMES)
selections = st.sets(names, max_size=4).map(lambda found: " ".join(name for name in NAMES if name in found))
meddlings = st.one_of(
    st.none(),
    st.builds(Meddling, st.integers(1, 60), st.sampled_from(["crash", "interrupt"])),
    st.builds(Meddling, st.sampled_from(MOMENTS), st.sampled_from(ACTS), names),
)
changes = st.dictionaries(names, st.integers(0, 12).map(lambda number: number and number % 3 + 1), max_size=3)
judgements = st.dictionaries(names, st.sampled_from(["good", "bad", "even"]), max_size=1)
which_run = st.integers(0, 5)


def recipe(name: str, factor: int) -> Callable[[Any], list[int]]:
    """Code number `factor` of an asset; number 0 is broken."""

    def run(inputs: Any) -> list[int]:
        if factor == 0:
            raise AssetError("broken code")
        rows = [number for upstream in UPSTREAMS[name].split() for number in inputs[upstream]]
        if FIELDS.get(name, {}).get("write", WriteMode.REPLACE).traits.merges:
            return [KEYS * sum(rows) + factor, KEYS * len(rows) + factor + 1]  # of two keys that overlap with others'
        return [factor * sum(rows), len(rows)] if UPSTREAMS[name] else [factor, factor + 1]

    return run


class Lake(RuleBasedStateMachine):
    """Rules are what people, other engines and misfortune do; invariants are the promises I1 to I6."""

    def make_lab(self) -> Lab:
        return Lab()

    @initialize()
    def begin(self) -> None:
        self.lab = self.make_lab()
        self.said: dict[str, str] = {}
        self.seen: dict[int, tuple[str, Snapshot, list[int]]] = {}
        self.visible: set[int] = set()
        self.foreign: dict[int, list[int]] = {}
        self.moves: list[set[str]] = []
        self.crashed: set[str] = set()
        self.mains: dict[str, int | None] = dict.fromkeys(NAMES)
        for name in NAMES:
            self.lab.define(name, recipe(name, 1), UPSTREAMS[name], **FIELDS.get(name, {}))
            self.lab.check(name, RULES["good"], REFERENCES.get(name, ""))
            self.said[self.digest(name)] = "good"
        self.materialize("", {}, {}, forced=False, all_or_nothing=False, meddling=None)

    # what people do

    @rule(
        selection=st.one_of(st.just(""), selections),
        changed=changes,
        judged=judgements,
        forced=st.booleans(),
        all_or_nothing=st.booleans(),
        meddling=meddlings,
    )
    def materialize(
        self,
        selection: str,
        changed: dict[str, int],
        judged: dict[str, str],
        forced: bool,
        all_or_nothing: bool,
        meddling: Meddling | None,
    ) -> None:
        for name, how in judged.items():
            self.change_check(name, how)
        for name, factor in changed.items():
            self.change_code(name, factor)
        run = self.command(
            lambda: self.lab.materialize(selection, forced=forced, all_or_nothing=all_or_nothing), meddling
        )
        if run is not None and meddling is None:
            self.assert_judged_right(run)
            if not selection and run.state is RunState.PUBLISHED:
                again = {reason.cause for step in self.lab.plan().steps for reason in step.reasons}
                assert again <= {Cause.NO_FINGERPRINT, Cause.UPSTREAM_RUNS, Cause.REFERENCE_RUNS}, (
                    "what is published is fresh"
                )

    def change_code(self, name: str, factor: int) -> None:
        self.lab.define(name, recipe(name, factor), UPSTREAMS[name], **FIELDS.get(name, {}))

    @rule(name=names, how=st.sampled_from(["good", "good", "bad", "even"]))
    def change_check(self, name: str, how: str) -> None:
        self.lab.check(name, RULES[how], REFERENCES.get(name, ""))
        self.said[self.digest(name)] = how

    @precondition(lambda self: self.lab.ledger.runs())
    @rule(which=which_run, meddling=meddlings)
    def retry(self, which: int, meddling: Meddling | None) -> None:
        run = self.command(lambda: self.lab.retry(self.pick(which)), meddling)
        if run is not None and meddling is None:
            self.assert_judged_right(run)

    @precondition(lambda self: self.lab.ledger.runs())
    @rule(which=which_run, selection=selections, reason=st.sampled_from([None, None, "I know"]), meddling=meddlings)
    def publish(self, which: int, selection: str, reason: str | None, meddling: Meddling | None) -> None:
        self.command(lambda: self.lab.publish(self.pick(which), selection, reason), meddling)

    @precondition(lambda self: self.lab.ledger.runs())
    @rule(which=which_run, meddling=meddlings)
    def discard(self, which: int, meddling: Meddling | None) -> None:
        self.command(lambda: self.lab.discard(self.pick(which)), meddling)

    @precondition(lambda self: self.lab.ledger.runs())
    @rule(which=which_run, meddling=meddlings)
    def rollback(self, which: int, meddling: Meddling | None) -> None:
        run = self.pick(which)
        before = {str(step.asset): step.base_id for step in run.steps if step.state is StepState.PUBLISHED}
        taken_back = self.command(lambda: self.lab.rollback(run), meddling, may_go_back=True)
        if taken_back is not None and meddling is None:
            assert {name: self.lab.main(name) for name in before} == before

    # what others do

    @rule(name=names, act=st.sampled_from(ACTS))
    def another_engine(self, name: str, act: str) -> None:
        self.commit_as_another_engine(name, act)
        self.mains = {name: self.lab.main(name) for name in NAMES}

    # how it is watched

    def command(self, do: Callable[[], RunRecord], meddling: Meddling | None, may_go_back: bool = False) -> Any:
        """Its answer; None when it was refused or died. Whatever happened, what readers saw was right."""
        self.moves = []
        before = set(self.foreign)
        known = {run.id: run for run in self.lab.ledger.runs(99)}
        self.lab.gate(self.watch(meddling))
        answer = None
        try:
            answer = do()
        except Crash:
            self.lab.reopen()
            self.crashed |= {run.id for run in self.lab.ledger.runs(99) if run.state is RunState.RUNNING}
        except KeyboardInterrupt:
            self.lab.gate(lambda _: None)
            self.crashed |= {run.id for run in self.lab.ledger.runs(99) if run.state is RunState.RUNNING}
            self.lab.reopen()  # a lease that Ctrl-C kept from being taken or given back dies with its process
        except (UsageError, ConflictError, BusyError):
            assert meddling is not None or not self.moves, "what is refused changes nothing"
        except AssertionError as fault:
            if "there was something to do" not in str(fault):
                raise
        self.lab.gate(lambda _: None)
        self.look()
        self.assert_published_together(known)
        if meddling is not None and self.foreign.keys() - before:
            self.assert_given_way(meddling)
        if not may_go_back:
            self.assert_nothing_lost()
        self.mains = {name: self.lab.main(name) for name in NAMES}
        return answer

    def watch(self, meddling: Meddling | None) -> Callable[[str], None]:
        passed: list[str] = []

        def gate(call: str) -> None:
            self.look()
            passed.append(call)
            now = meddling is not None and meddling.call in {len(passed), call}
            if meddling is None or not now or (call == meddling.call and passed.count(call) > 1):
                return
            if meddling.what == "crash":
                self.lab.dead = True
                raise Crash(call)
            if meddling.what == "interrupt":
                raise KeyboardInterrupt
            self.commit_as_another_engine(meddling.name, meddling.what)

        return gate

    def look(self) -> None:
        """Remember every snapshot that there is, and every one that is or was main."""
        moved = set()
        for asset, table in self.lab.catalog.load([key(name) for name in NAMES]).items():
            for snapshot in table.snapshots.values():
                if snapshot.id not in self.seen:
                    rows = self.lab.shelf.rows(self.lab.catalog.scan(table, snapshot.id))
                    self.seen[snapshot.id] = (str(asset), snapshot, rows)
            if table.main is not None and table.main not in self.visible:
                self.visible.add(table.main)
                if provenance_of(table.snapshots[table.main].summary):
                    moved.add(str(asset))
        if moved:
            self.moves.append(moved)

    def commit_as_another_engine(self, name: str, act: str) -> None:
        if not self.lab.catalog.load([key(name)]) or (act != "append" and self.lab.main(name) is None):
            return
        before = self.lab.rows(name) or []
        if act == "append":
            self.lab.foreign_append(name, [7])
        elif act == "compact":
            self.lab.foreign_compact(name)
        else:
            self.lab.foreign_overwrite(name, [4])
        head = self.lab.main(name)
        assert head is not None
        self.foreign[head] = sorted({"append": [*before, 7], "compact": before, "overwrite": [4]}[act])
        self.look()

    # what the model knows

    def pick(self, which: int) -> RunRecord:
        runs: Sequence[RunRecord] = self.lab.ledger.runs(99)
        return runs[which % len(runs)]

    def digest(self, name: str) -> str:
        return self.lab.suites[key(name)].digest

    def expected(self, snapshot_id: int) -> list[int]:
        """The rows that the snapshot must have, computed from what its summary says it was made from."""
        _, snapshot, observed = self.seen[snapshot_id]
        made = provenance_of(snapshot.summary)
        if made is None:
            return self.foreign.get(snapshot_id, observed)
        inputs = {name: self.seen[at][2] for name, at in made.inputs.items()}
        new = self.lab.engine.recipes[made.code_version](inputs)
        return sorted([*self.kept(made.write, new, snapshot.parent_id), *new])

    def kept(self, write: str, new: Sequence[int], parent: int | None) -> list[int]:
        """The rows of the snapshot before that stay when these come."""
        before = [] if parent is None else self.seen[parent][2]
        match WriteMode(write):
            case WriteMode.APPEND:
                return before
            case WriteMode.UPSERT:
                return [number for number in before if key_of(number) not in map(key_of, new)]
            case WriteMode.PARTITION:
                return [number for number in before if part_of(number) not in map(part_of, new)]
        return []

    def passes(self, digest: str, snapshot_id: int) -> bool:
        return RULES[self.said[digest]](self.seen[snapshot_id][2], {})

    def assert_judged_right(self, run: RunRecord) -> None:
        """Nobody meddled: every step that this attempt carried out is published exactly when it should be.

        What is unchanged publishes nothing, so it waits for nothing.
        """
        mine = {str(step.asset): step for step in run.steps if step.attempt == run.attempt}
        good: dict[str, bool] = {}
        for name, step in mine.items():
            if step.state in {StepState.ERRORED, StepState.SKIPPED}:
                good[name] = False
            elif step.state is StepState.UNCHANGED or step.snapshot_id is None:
                good[name] = True
            else:
                good[name] = self.passes(self.digest(name), step.snapshot_id)
        stay = {name for name, step in mine.items() if step.state is StepState.UNCHANGED}
        while spoilt := [name for name in self.good(good) - stay if self.needs(name, good) - self.good(good)]:
            good |= dict.fromkeys(spoilt, False)
        everything = {str(step.asset): step.state in DONE for step in run.steps} | good
        if run.all_or_nothing and not all(everything.values()):
            good = {name: fine and mine[name].state is not StepState.PUBLISHED for name, fine in good.items()}
            assert not any(step.state is StepState.PUBLISHED for step in mine.values())
            return
        assert {name: step.state in DONE for name, step in mine.items()} == good

    def needs(self, name: str, good: dict[str, bool]) -> set[str]:
        return {*UPSTREAMS[name].split(), *REFERENCES.get(name, "").split()} & good.keys()

    def good(self, good: dict[str, bool]) -> set[str]:
        return {name for name, fine in good.items() if fine}

    # the promises

    def assert_published_together(self, known: dict[str, RunRecord]) -> None:
        """I2: a command moves main in one commit, and exactly of those assets that the ledger says."""
        assert len(self.moves) <= 1
        said = {
            str(step.asset)
            for run in self.lab.ledger.runs(99)
            for step in run.steps
            if step.state is StepState.PUBLISHED and not _was_published(known.get(run.id), step.asset)
        }
        assert said == (self.moves[0] if self.moves else set())

    def assert_given_way(self, meddling: Meddling) -> None:
        """Rows that came after the plan are never written over: only an append goes on top of an append."""
        appends = self.lab.assets[key(meddling.name)].write is WriteMode.APPEND
        if meddling.what == "overwrite" or (meddling.what == "append" and not appends):
            assert not any(meddling.name in moved for moved in self.moves)

    def assert_nothing_lost(self) -> None:
        """I3: what was main is still in main's ancestry."""
        for name, before in self.mains.items():
            assert before is None or before in self.ancestry(name)

    def ancestry(self, name: str) -> list[int]:
        tables = self.lab.catalog.load([key(name)])
        return [snapshot.id for table in tables.values() for snapshot in table.ancestry(table.main)]

    @invariant()
    def readers_saw_only_what_was_ruled_on(self) -> None:
        """I1, and what was published as passed did pass."""
        said = self.lab.ledger.verdicts([key(name) for name in NAMES])
        ruled = {
            verdict.snapshot_id: verdict
            for verdicts in said.values()
            for verdict in verdicts
            if verdict.ruling in {Ruling.PUBLISH, Ruling.FORCED}
        }
        for snapshot_id in self.visible:
            if provenance_of(self.seen[snapshot_id][1].summary):
                assert snapshot_id in ruled
        for verdict in ruled.values():
            assert verdict.ruling is Ruling.FORCED or self.passes(verdict.checks_digest, verdict.snapshot_id)

    @invariant()
    def every_snapshot_holds_what_it_says_it_was_made_from(self) -> None:
        for snapshot_id, (_, _, rows) in self.seen.items():
            assert rows == self.expected(snapshot_id)

    @invariant()
    def what_is_published_rests_on_what_was_published(self) -> None:
        for snapshot_id in self.visible:
            made = provenance_of(self.seen[snapshot_id][1].summary)
            assert made is None or set(made.inputs.values()) <= {
                ancestor for at in self.visible for ancestor in self.chain(at)
            }

    def chain(self, snapshot_id: int) -> list[int]:
        found = [snapshot_id]
        while (parent := self.seen[found[-1]][1].parent_id) is not None and parent in self.seen:
            found.append(parent)
        return found

    @invariant()
    def refs_point_to_snapshots_that_exist(self) -> None:
        """I4."""
        for table in self.lab.catalog.load([key(name) for name in NAMES]).values():
            assert set(table.refs.values()) <= table.snapshots.keys()

    @invariant()
    def the_ledger_and_the_tables_agree(self) -> None:
        """I5."""
        branches = self.branches()
        on_main = {name: set(self.ancestry(name)) for name in NAMES}
        for run in self.lab.ledger.runs(99):
            assert run.state is not RunState.RUNNING or run.id in self.crashed
            for step in run.steps:
                name = str(step.asset)
                if step.state is StepState.PUBLISHED:
                    assert (step.snapshot_id in on_main[name]) is (run.state is not RunState.ROLLED_BACK)
                holds = step.state is StepState.HELD and step.action is Action.WRITE and step.snapshot_id
                if holds and run.state is RunState.HELD and run.id not in self.crashed:
                    assert branches.get((run.id, name)) == step.snapshot_id
            if run.state not in UNPUBLISHED_ENDS | {RunState.RUNNING, RunState.SUPERSEDED}:
                assert not any(owner == run.id for owner, _ in branches)
            if run.state is RunState.PUBLISHED:
                assert all(step.state in DONE | GIVEN_UP for step in run.steps)

    def branches(self) -> dict[tuple[str, str], int]:
        return {
            (ref.removeprefix("audit_"), str(asset)): at
            for asset, table in self.lab.catalog.load([key(name) for name in NAMES]).items()
            for ref, at in table.refs.items()
            if ref != "main"
        }

    @invariant()
    def no_run_is_applied_twice(self) -> None:
        """I6."""
        for name in NAMES:
            runs = [made.run for at in self.ancestry(name) if (made := provenance_of(self.seen[at][1].summary))]
            assert len(runs) == len(set(runs))

    @invariant()
    def expiry_takes_nothing_that_a_ref_stands_on(self) -> None:
        """I7: the head of every ref stays, and the snapshot that an open branch was forked from."""
        for table in self.lab.catalog.load([key(name) for name in NAMES]).values():
            for ref, head in table.refs.items():
                parent = table.snapshots[head].parent_id
                assert ref == MAIN or parent is None or parent in table.snapshots

    @invariant()
    def what_was_not_published_says_why(self) -> None:
        """I8: no run ends unpublished in silence."""
        for run in self.lab.ledger.runs(99):
            if run.state in UNPUBLISHED_ENDS and run.id not in self.crashed:
                assert run.reason or any(step.reason for step in run.steps if not step.done)


def _was_published(run: RunRecord | None, asset: Any) -> bool:
    step = None if run is None else run.step(asset)
    return step is not None and step.state is StepState.PUBLISHED


class RealLake(Lake):
    """The same over real tables; what other engines do there, pyiceberg does."""

    def make_lab(self) -> Lab:
        from tests.wap.real_lab import RealLab

        self.folder = TemporaryDirectory()
        return RealLab(Path(self.folder.name))

    def teardown(self) -> None:
        self.lab.close()  # type: ignore[attr-defined]  # a RealLab
        self.folder.cleanup()


TestLakeInMemory = pytest.mark.timeout(1800)(Lake.TestCase)
TestLakeInMemory.settings = lives(examples(400, few=15), steps=20)

TestLakeOnIceberg = pytest.mark.timeout(1800)(pytest.mark.long(RealLake.TestCase))
TestLakeOnIceberg.settings = lives(20, steps=15)


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["embedded-s3", "postgresql", "postgresql-s3"])
def test_any_history_with_tables_or_catalog_elsewhere_keeps_the_promises(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """LAKEFLOW_TEST_LIVES says how many histories."""

    class LakeElsewhere(RealLake):
        def make_lab(self) -> Lab:
            from tests.wap.real_lab import RealLab

            self.folder = TemporaryDirectory()
            return RealLab(Path(self.folder.name), home_of(kind, request, tmp_path))

    lives_of = int(os.environ.get("LAKEFLOW_TEST_LIVES", "1"))
    run_state_machine_as_test(LakeElsewhere, settings=lives(lives_of, steps=10))
