"""A month of hourly runs: whatever is delivered, changed, taken back or killed, the tables are those of a plain model.

They are so in a fresh clone too, and the lake has no more runs and branches than things that happened to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lakeflow.core.model.run import RunRecord, RunState, StepState
from tests.living.shop import BEGIN, TABLES, Delivery, Form, Order, Shop, Tables, merged, tables

BRANCHES: Final = 2 * len(TABLES)
"""A branch a table of the run that waits, and of the one that was not finished before it."""


@dataclass(frozen=True)
class Published:
    """What the model has on main."""

    landed: tuple[Delivery, ...] = ()
    silver: tuple[Order, ...] = ()
    code: int = 1

    def tables(self) -> Tables:
        return tables(self.landed, {order.id: order for order in self.silver}, self.code)


class Month(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.shop = Shop(Path(self.folder.name) / "lake", self.patch)
        self.delivered: list[Delivery] = []
        self.main, self.code, self.happened = Published(), 1, 0
        self.history: list[tuple[str, Published]] = []
        self.seq = 0
        self.deliver([(1, 0, 5), (2, 0, 7)], Form.PLAIN, 0)
        self.hours_pass(1)

    def teardown(self) -> None:
        try:
            assert self.shop.lake.verify().faults == ()
            self.a_fresh_clone_has_the_same_tables()
        finally:
            self.shop.lake.close()
            self.patch.undo()
            self.folder.cleanup()

    # what happens

    @rule(
        rows=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 9), st.integers(0, 20)), max_size=3),
        form=st.sampled_from(Form),
        malformed=st.integers(0, 1),
    )
    def deliver(self, rows: list[tuple[int, int, int]], form: Form, malformed: int) -> None:
        """Orders of today, or of up to nine days ago."""
        today = self.shop.now.date()
        orders = []
        for number, ago, amount in rows:
            self.seq += 1
            day = max(BEGIN.date(), today - timedelta(days=ago))
            orders.append(Order(number, day, amount, self.seq, "web" if form.has_channel and amount % 2 else None))
        self.comes(Delivery(f"{len(self.delivered):04}.csv", tuple(orders), form, malformed))

    @rule(number=st.integers(1, 6))
    def deliver_what_no_check_passes(self, number: int) -> None:
        self.seq += 1
        order = Order(number, self.shop.now.date(), -1, self.seq)
        self.comes(Delivery(f"{len(self.delivered):04}.csv", (order,), Form.PLAIN))

    @rule(which=st.integers(0, 99))
    def deliver_once_more(self, which: int) -> None:
        """The same bytes under another name."""
        earlier = self.delivered[which % len(self.delivered)]
        self.comes(replace(earlier, name=f"{len(self.delivered):04}.csv"))

    @rule()
    def change_the_code(self) -> None:
        self.code += 1
        self.happened += 1
        self.shop.write_code(self.code)
        self.shop.reopen()

    @rule(hours=st.sampled_from([1, 2, 24, 50]))
    def hours_pass(self, hours: int) -> None:
        """Each with a run, as cron would start it."""
        for _ in range(min(hours, 3)):
            self.shop.now += timedelta(hours=max(1, hours // 3))
            self.materialize()

    @precondition(lambda self: self.shop.now.hour >= 1)
    @rule()
    def the_clock_goes_back(self) -> None:
        """Within the day: the partition of a day that has not begun is not built."""
        self.shop.now -= timedelta(minutes=30)
        self.materialize()

    @rule(call=st.integers(1, 300))
    def die_in_a_run(self, call: int) -> None:
        known = {run.id for run in self.shop.lake.runs(limit=10_000)}
        self.happened += 1
        with self.shop.dying_at(call) as lake:
            lake.materialize()
        for run in self.shop.lake.runs(limit=10_000):
            if run.id not in known and any(step.state is StepState.PUBLISHED for step in run.steps):
                self.publish(run)

    @precondition(lambda self: self.history)
    @rule()
    def take_the_last_run_back(self) -> None:
        self.happened += 1
        run, before = self.history.pop()
        assert self.shop.lake.rollback(run).state is RunState.ROLLED_BACK
        self.main = before

    @precondition(lambda self: self.main.silver)
    @rule(first=st.integers(1, 9), count=st.integers(0, 2))
    def backfill(self, first: int, count: int) -> None:
        last = min(first + count, self.shop.now.day)
        between = (f"2024-03-{min(first, last):02}", f"2024-03-{last:02}")
        self.happened += count + 1
        for window in self.shop.lake.backfill("gold.days", between=between).windows:
            assert window.run is None or window.run.state is RunState.PUBLISHED

    # what is to be so

    def comes(self, delivery: Delivery) -> None:
        self.happened += 1
        self.delivered.append(delivery)
        self.shop.deliver(delivery)

    def materialize(self) -> None:
        before = self.main
        run = self.shop.lake.materialize()
        after = self.after_a_run()
        if run is not None and run.state is not RunState.FAILED:
            assert self.shop.branches() <= BRANCHES, "what later runs wrote anew keeps none"
        if run is None:
            assert after == before, "there was something to do"
        elif any(step.state is StepState.PUBLISHED for step in run.steps):
            self.publish(run)
        else:
            assert after == before, [(str(step.asset), step.state, step.reason) for step in run.steps]

    def publish(self, run: RunRecord) -> None:
        self.history.append((run.id, self.main))
        self.main = self.after_a_run()

    def after_a_run(self) -> Published:
        """Files land whatever becomes of silver. What a check holds stays as it was, with all that is made from it."""
        landed = tuple(self.delivered)
        silver = tuple(merged(landed).values())
        if any(order.amount < 0 for order in silver):
            return replace(self.main, landed=landed)
        return Published(landed, silver, self.code)

    @invariant()
    def readers_see_what_the_model_tells(self) -> None:
        assert self.shop.seen() == self.main.tables()

    @invariant()
    def runs_are_no_more_than_what_happened(self) -> None:
        days = (self.shop.now - BEGIN).days + 1
        assert len(self.shop.lake.runs(limit=10_000)) <= self.happened + days

    def a_fresh_clone_has_the_same_tables(self) -> None:
        if any(order.amount < 0 for order in merged(self.delivered).values()):
            return
        self.materialize()
        clone = Shop(Path(self.folder.name) / "clone", self.patch)
        try:
            clone.now = self.shop.now
            clone.write_code(self.code)
            for delivery in self.delivered:
                clone.deliver(delivery)
            clone.reopen()
            clone.lake.materialize()
            assert clone.seen() == self.shop.seen()
        finally:
            clone.lake.close()


def configured(examples: int, steps: int) -> type:
    case: type = type("Case", (Month,), {}).TestCase  # type: ignore[attr-defined]  # hypothesis makes it
    case.settings = settings(  # type: ignore[attr-defined]  # hypothesis looks there
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return case


TestMonth = configured(1, 6)
TestLongMonth = pytest.mark.timeout(3600)(pytest.mark.long(configured(6, 20)))
