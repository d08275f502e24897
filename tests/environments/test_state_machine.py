"""Any order of runs on main and in two environments, of promotes, refreshes, drops and rollbacks, some of them cut off.

Readers of main, who are pyiceberg, see a snapshot of an environment only when a promote has brought it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from hypothesis.strategies import booleans, integers, sampled_from

from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.model.run import RunState
from lakeflow.core.view.findings import Level
from lakeflow.lake.lake import Lake
from tests.environments.lab import main_of, project, tables
from tests.explored import examples, lives
from tests.external.lab import make, opened

NAMES = sampled_from(["a", "b"])
SILVER = "/*\nkey = ['id']\n*/\nselect id::bigint as id, city, {factor} as factor from bronze.orders"


class CutOffError(BaseException):
    """The process ends here."""


class Lives(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.files = 1
        self.before: dict[str, tuple[Any, ...]] = {}
        self.apart: set[int] = set()
        """Snapshots that stood on a branch of an environment and that no promote has brought to main."""

    @initialize()
    def begin(self) -> None:
        project(self.root)
        self.on_main(lambda lake: lake.materialize())

    @rule(factor=integers(2, 4))
    def change_code(self, factor: int) -> None:
        make(self.root, {"layers/silver/orders.sql": SILVER.format(factor=factor)})

    @rule()
    def deliver(self) -> None:
        self.files += 1
        make(self.root, {f"data/orders/{self.files}.csv": f"id,city\n{self.files + 1},oslo\n"})

    @rule(everything=booleans())
    def run_on_main(self, everything: bool) -> None:
        self.on_main(lambda lake: lake.materialize("*" if everything else "silver.orders"))

    @rule(name=NAMES, everything=booleans())
    def run_in(self, name: str, everything: bool) -> None:
        self.elsewhere(name, lambda lake: lake.materialize("*" if everything else "silver.orders+"))

    @rule(name=NAMES, cut=sampled_from(["", "before", "after"]))
    def promote(self, name: str, cut: str) -> None:
        def act(lake: Lake) -> None:
            if any(one.name == name for one in lake.environments.list()):
                if cut:
                    cut_off(lake, cut)
                with suppress(CutOffError):
                    lake.environments.promote(name)

        self.on_main(act)
        self.apart -= {seen[0] for seen in self.before.values()}
        self.assert_in_order()

    @rule(name=NAMES, verb=sampled_from(["refresh", "drop"]))
    def let_go(self, name: str, verb: str) -> None:
        before = self.before
        with opened(self.root) as lake, suppress(UsageError):
            getattr(lake.environments, verb)(name)
        assert main_of(self.root) == before

    @rule()
    def roll_back_on_main(self) -> None:
        def act(lake: Lake) -> None:
            last = next((run for run in lake.runs() if run.state is RunState.PUBLISHED), None)
            if last is not None:
                lake.rollback(last.id)

        self.on_main(act)

    @rule(name=NAMES)
    def roll_back_in(self, name: str) -> None:
        def act(lake: Lake) -> None:
            last = next((run for run in lake.runs() if run.state is RunState.PUBLISHED), None)
            if last is not None:
                lake.rollback(last.id)

        self.elsewhere(name, act)

    @invariant()
    def readers_of_main_see_nothing_of_an_environment(self) -> None:
        assert not {seen[0] for seen in self.before.values()} & self.apart

    def on_main(self, act: Callable[[Lake], object]) -> None:
        with opened(self.root) as lake, suppress(LakeflowError):
            act(lake)
        self.before = main_of(self.root)

    def elsewhere(self, name: str, act: Callable[[Lake], object]) -> None:
        with opened(self.root, env=name) as lake, suppress(LakeflowError):
            act(lake)
        assert main_of(self.root) == self.before
        seen = {one[0] for one in self.before.values()}
        heads = {ref.snapshot_id for table in tables(self.root).values() for ref in table.metadata.refs.values()}
        once = {log.snapshot_id for table in tables(self.root).values() for log in table.metadata.snapshot_log}
        self.apart |= heads - seen - once

    def assert_in_order(self) -> None:
        with opened(self.root) as lake:
            assert not lake.verify().remarks
            assert not [found for found in lake.doctor() if found.level is Level.PROBLEM]

    def teardown(self) -> None:
        self.assert_in_order()
        with opened(self.root) as lake:
            lake.materialize()
            for one in lake.environments.list():
                lake.environments.promote(one.name)
                assert not lake.plan("silver.orders+").steps
                lake.environments.drop(one.name)
        self.assert_in_order()
        assert all(set(table.metadata.refs) == {"main"} for table in tables(self.root).values())
        rmtree(self.root)


def cut_off(lake: Lake, where: str) -> None:
    """The next commit on main is the last that this lake does."""
    catalog = lake._world.catalog
    commit = catalog.commit

    def last(*arguments: Any) -> Any:
        if where == "after":
            commit(*arguments)
        raise CutOffError

    catalog.__dict__["commit"] = last
    lake.__dict__["_world"] = replace(lake._world)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_any_life_of_a_lake_with_two_environments_keeps_what_is_apart_apart() -> None:
    run_state_machine_as_test(Lives, settings=lives(examples(4, 1), 8))
