"""The life of a lake: files that land, runs, reruns, backfills, refreshes, rollbacks and deaths, in any order.

What every reader then sees in each table is what plain lists and dicts give.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lakeflow.core.model.run import RunRecord, RunState, StepState
from tests.cli.process import CLEAN
from tests.explored import examples, lives
from tests.writing.feeds import FILES, TABLES, Feeds, today, told
from tests.writing.model import MONTHS, Model, Sale

FIRST = date(2020, 1, 1)
days = st.integers(0, 89).map(lambda number: FIRST + timedelta(days=number))
sales = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2), days), max_size=4)


class Life(RuleBasedStateMachine):
    files: ClassVar[Mapping[str, str]] = FILES

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.feeds = Feeds(Path(self.folder.name), self.files)
        self.model = Model()
        self.published: list[tuple[str, Model]] = []
        self.next = 0
        self.a_file_comes([("a", 1, FIRST), ("b", 2, FIRST + timedelta(days=40))])
        self.run(forced=False)

    def teardown(self) -> None:
        self.feeds.lake.close()
        self.folder.cleanup()

    # what happens

    @rule(rows=sales)
    def a_file_comes(self, rows: list[tuple[str, int, date]]) -> None:
        found = tuple(Sale(self.next + place, *row) for place, row in enumerate(rows))
        self.next += len(found)
        self.feeds.drop(found)

    @precondition(lambda self: self.feeds.drops)
    @rule(forced=st.booleans())
    def run(self, forced: bool) -> None:
        made = self.feeds.lake.materialize(force=forced)
        self.happened(made, lambda: self.model.run(self.feeds.drops, today()))

    @precondition(lambda self: self.published)
    @rule(name=st.sampled_from(TABLES))
    def refresh(self, name: str) -> None:
        made = self.feeds.lake.materialize(f"silver.{name}", full_refresh=True)
        self.happened(made, lambda: self.model.refresh(name, today()))

    @precondition(lambda self: self.published)
    @rule(first=st.sampled_from(MONTHS), count=st.integers(1, 2))
    def backfill(self, first: int, count: int) -> None:
        last = min(first + count - 1, MONTHS[-1])
        between = (f"2020-{first:02}", f"2020-{last:02}")
        ended = self.feeds.lake.backfill("silver.spans", between=between).windows
        assert len(ended) == last - first + 1
        for month, window in zip(range(first, last + 1), ended, strict=True):
            self.happened(window.run, partial(self.model.backfill, month))

    @precondition(lambda self: self.published)
    @rule()
    def take_the_last_run_back(self) -> None:
        run, before = self.published.pop()
        assert self.feeds.lake.rollback(run).state is RunState.ROLLED_BACK
        self.model = before

    @precondition(lambda self: self.feeds.drops)
    @rule(call=st.integers(1, 400))
    def die_in_a_run(self, call: int) -> None:
        known = {run.id for run in self.feeds.lake.runs()}
        with self.feeds.dying_at(call) as lake:
            lake.materialize()
        self.feeds.reopen()
        self.whatever_happened(known)

    def happened(self, run: RunRecord | None, told: Callable[[], None]) -> None:
        """The run ended well, and did what the model is told."""
        before = self.model.copy()
        told()
        if run is None:
            assert self.model == before, "there was something to do"
            return
        assert run.state is RunState.PUBLISHED, [(str(step.asset), step.state, step.reason) for step in run.steps]
        if any(step.state is StepState.PUBLISHED for step in run.steps):
            self.published.append((run.id, before))

    def whatever_happened(self, known: set[str]) -> None:
        """A run that died has published everything or nothing."""
        for run in self.feeds.lake.runs():
            if run.id not in known and run.state is RunState.PUBLISHED:
                self.happened(run, lambda: self.model.run(self.feeds.drops, today()))

    # what is seen

    @invariant()
    def every_reader_sees_what_the_model_tells(self) -> None:
        expected = told(self.model)
        found = self.feeds.rows(self.feeds.ours)
        assert {name: rows or [] for name, rows in found.items()} == expected
        with self.feeds.others() as (pyiceberg, polars):
            assert self.feeds.rows(pyiceberg) == found
            assert self.feeds.rows(polars) == found


class Killed(Life):
    """The same, and runs are also commands that the kernel ends."""

    @precondition(lambda self: self.feeds.drops)
    @rule(after=st.floats(0.2, 6.0))
    def be_killed_in_a_run(self, after: float) -> None:
        known = {run.id for run in self.feeds.lake.runs()}
        self.feeds.lake.close()
        command = [sys.executable, "-m", "lakeflow.cli", "materialize", "--output", "json"]
        with subprocess.Popen(command, cwd=self.feeds.root, env=CLEAN, stdout=-3, stderr=-3) as running:
            time.sleep(after)
            running.send_signal(signal.SIGKILL)
        self.feeds.reopen()
        self.whatever_happened(known)


TestLife = pytest.mark.timeout(3600)(Life.TestCase)
TestLife.settings = lives(examples(12, few=1), steps=examples(20, few=7))

TestKilledLife = pytest.mark.timeout(3600)(pytest.mark.long(Killed.TestCase))
TestKilledLife.settings = lives(6, steps=16)
