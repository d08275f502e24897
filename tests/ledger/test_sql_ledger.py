from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from lakeflow.adapters.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import (
    Action,
    CheckResult,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALPHA = AssetKey.parse("silver.alpha")
numbers = count()

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
ids = st.integers(min_value=0, max_value=2**63 - 1)
counts = st.none() | ids
times = st.datetimes(timezones=st.just(UTC))
keys = st.builds(AssetKey, st.sampled_from(Layer), st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True))
snapshots = st.dictionaries(words, ids, max_size=3)
checks = st.builds(
    CheckResult,
    name=words,
    outcome=st.sampled_from(Outcome),
    severity=st.sampled_from(Severity),
    failed_rows=counts,
    rows=counts,
    detail=words,
    path=words,
    samples=st.lists(st.dictionaries(words, st.none() | words, max_size=2), max_size=2).map(tuple),
)
steps = st.builds(
    StepRecord,
    asset=keys,
    action=st.sampled_from(Action),
    reasons=st.lists(words, max_size=2).map(tuple),
    state=st.none() | st.sampled_from(StepState),
    reason=words,
    attempt=st.integers(1, 9),
    base_id=counts,
    snapshot_id=counts,
    rows=counts,
    seconds=st.floats(0, 1e9),
    code_version=words,
    checks_digest=words,
    reads=words,
    inputs=snapshots,
    checks=st.lists(checks, max_size=3).map(tuple),
)
runs = st.builds(
    RunRecord,
    id=st.text("0123456789abcdef", min_size=1, max_size=12),
    state=st.sampled_from(RunState),
    started_at=times,
    attempt=st.integers(1, 9),
    ended_at=st.none() | times,
    steps=st.lists(steps, max_size=3, unique_by=lambda step: step.asset).map(tuple),
    selection=st.lists(words, max_size=2).map(tuple),
    all_or_nothing=st.booleans(),
    actor=words,
    reason=words,
)
verdicts = st.builds(
    VerdictRecord,
    asset=keys,
    snapshot_id=ids,
    ruling=st.sampled_from(Ruling),
    run=words,
    attempt=st.integers(1, 9),
    at=times,
    actor=words,
    reason=words,
    code_version=words,
    checks_digest=words,
    reads=words,
    inputs=snapshots,
    passed=st.integers(0, 10**6),
    total=st.integers(0, 10**6),
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/catalog.db")
    opened.initialise(MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return SqlLedger(database, lambda holder: True, lambda: NOW, 30)


def rows(database: Database, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


several = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@several
@given(run=runs)
def test_every_run_comes_back_exactly(ledger: SqlLedger, run: RunRecord) -> None:
    ledger.save(run)
    assert ledger.run(run.id) == run


@several
@given(verdict=verdicts)
def test_every_verdict_comes_back_exactly(ledger: SqlLedger, verdict: VerdictRecord) -> None:
    verdict = replace(verdict, run=f"r{next(numbers)}")
    ledger.save(RunRecord("r", RunState.HELD, NOW), [verdict])
    assert ledger.verdicts([verdict.asset])[verdict.asset][-1] == verdict


def test_text_that_no_database_can_hold_is_kept_as_its_escape(ledger: SqlLedger) -> None:
    """A file name may hold bytes that are no UTF-8; recording its error must not fail."""
    ledger.save(RunRecord("r1", RunState.FAILED, NOW, reason="no \udcff and no \x00"))
    assert ledger.run("r1").reason == r"no \udcff and no \x00"


def test_checks_can_be_asked_for_by_asset_and_snapshot(ledger: SqlLedger, database: Database) -> None:
    step = StepRecord(ALPHA, snapshot_id=2**62, checks=(CheckResult("known", Outcome.FAILED, failed_rows=3),))
    ledger.save(RunRecord("r1", RunState.HELD, NOW, steps=(step,)))
    query = "select name, outcome, failed_rows from lakeflow_checks where asset = :asset and snapshot_id = :id"
    assert rows(database, query, asset="silver.alpha", id=2**62) == [("known", "failed", 3)]
    plan = rows(database, "explain query plan " + query, asset="silver.alpha", id=1)
    assert "lakeflow_checks_by_snapshot" in str(plan)


def test_a_thousand_steps_are_saved_within_seconds(ledger: SqlLedger) -> None:
    made = tuple(
        StepRecord(AssetKey(Layer.GOLD, f"a{number}"), checks=(CheckResult("c", Outcome.PASSED),) * 5)
        for number in range(1000)
    )
    run = RunRecord("r1", RunState.RUNNING, NOW, steps=made)
    began = datetime.now(UTC)
    ledger.save(run)
    assert (datetime.now(UTC) - began).total_seconds() < 5
    assert ledger.run("r1") == replace(run)
