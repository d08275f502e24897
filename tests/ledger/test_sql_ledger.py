from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import (
    Action,
    CheckResult,
    ReadScope,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)
from tests.explored import explored

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
    reads_digest=words,
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
    reads_digest=words,
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


@explored(40)
@given(run=runs)
def test_every_run_comes_back_exactly(ledger: SqlLedger, run: RunRecord) -> None:
    ledger.save(run)
    assert ledger.run(run.id) == run


@explored(40)
@given(verdict=verdicts)
def test_every_verdict_comes_back_exactly(ledger: SqlLedger, verdict: VerdictRecord) -> None:
    verdict = replace(verdict, run=f"r{next(numbers)}")
    ledger.save(RunRecord("r", RunState.HELD, NOW), [verdict])
    assert ledger.verdicts([verdict.asset])[verdict.asset][-1] == verdict


def test_text_that_no_database_can_hold_is_kept_as_its_escape(ledger: SqlLedger) -> None:
    """A file name may hold bytes that are no UTF-8; recording its error must not fail."""
    ledger.save(RunRecord("r1", RunState.FAILED, NOW, reason="no \udcff and no \x00"))
    assert ledger.run("r1").reason == r"no \udcff and no \x00"


STORED = {
    "lakeflow_runs": (
        *(
            "r1",
            "held",
            "2026-03-01T00:00:00.000000+00:00",
            2,
            None,
            '["silver.*", "\\udcff"]',
            1,
            "ada",
            "n\u00e3o",
            "",
        ),
    ),
    "lakeflow_steps": (
        *(
            "r1",
            0,
            "silver.alpha",
            "write",
            '["code \\u00fc"]',
            "held",
            "why",
            2,
            None,
            2**62,
            7,
            0.25,
            "c1",
            "d1",
            "x",
        ),
        *('{"bronze.a": 4611686018427387904}', '["2026-01-01"]', None),
    ),
    "lakeflow_checks": (
        *("r1", "silver.alpha", 0, 2**62, "known", "failed", "warning", 3, 9, "detail", "checks/a.py"),
        *('[{"a": "1", "b": null}]', "added", '{"expectation": {"type": "t"}, "metrics": {"m": [1, 2.5]}}'),
        "asked of Spark: why",
    ),
    "lakeflow_verdicts": (
        *(1, "silver.alpha", 2**62, "hold", "r1", 2, "2026-03-01T00:00:00.250000+00:00", "ada", "why", "c1", "d1", "x"),
        *('{"bronze.a": 1}', 3, 4, '{"gold.b": 5}', ""),
    ),
    "lakeflow_dropped": ("r1", "silver.alpha", "u", "file:///v.json", "2026-03-01T00:00:00.000000+00:00"),
}
"""A row of each table, as every release has written it."""
CHECK = CheckResult(
    *(
        "known",
        Outcome.FAILED,
        Severity.WARNING,
        3,
        9,
        "detail",
        "checks/a.py",
        ({"a": "1", "b": None},),
        ReadScope.ADDED,
    ),
    evidence={"expectation": {"type": "t"}, "metrics": {"m": [1, 2.5]}},
    asked="asked of Spark: why",
)
STEP = StepRecord(
    *(ALPHA, Action.WRITE, ("code ü",), StepState.HELD, "why", 2, None, 2**62, 7, 0.25, "c1", "d1", "x"),
    *({"bronze.a": 2**62}, ("2026-01-01",), (CHECK,)),
)
RUN = RunRecord("r1", RunState.HELD, NOW, 2, None, (STEP,), ("silver.*", "\udcff"), True, "ada", "não")
VERDICT = VerdictRecord(
    *(ALPHA, 2**62, Ruling.HOLD, "r1", 2, NOW + timedelta(milliseconds=250), "ada", "why", "c1", "d1", "x"),
    *({"bronze.a": 1}, 3, 4, {"gold.b": 5}),
)


def test_a_row_of_any_release_is_read(ledger: SqlLedger, database: Database) -> None:
    with database.transaction() as connection:
        for table, row in STORED.items():
            names = [f"c{at}" for at, _ in enumerate(row)]
            values = ", ".join(f":{name}" for name in names)
            connection.execute(text(f"insert into {table} values ({values})"), dict(zip(names, row, strict=True)))
    assert ledger.run("r1") == RUN
    assert ledger.verdicts([ALPHA]) == {ALPHA: (VERDICT,)}
    assert ledger.dropped() == (Dropped(ALPHA, "u", "file:///v.json", "r1", NOW),)
    assert ledger.run("r1").started_at.tzinfo is UTC


def test_a_row_is_written_as_every_release_reads_it(ledger: SqlLedger, database: Database) -> None:
    ledger.save(RUN, [VERDICT])
    with database.transaction() as connection:
        ledger.drop(connection, Dropped(ALPHA, "u", "file:///v.json", "r1", NOW))
    assert {table: rows(database, f"select * from {table}") for table in STORED} == {
        table: [row] for table, row in STORED.items()
    }


def test_a_row_of_a_later_release_is_refused_without_its_values(ledger: SqlLedger, database: Database) -> None:
    ledger.save(RunRecord("r1", RunState.HELD, NOW, steps=(StepRecord(ALPHA),)))
    with database.transaction() as connection:
        connection.execute(text("update lakeflow_steps set state = 'secret'"))
    with pytest.raises(LakeError, match="a row that is no StepRecord: state") as refused:
        ledger.run("r1")
    assert "secret" not in str(refused.value)
    assert "the release that wrote it" in (refused.value.hint or "")


def test_a_verdict_is_read_once_while_its_row_stays_and_anew_when_another_stands_there(
    ledger: SqlLedger, database: Database
) -> None:
    ledger.save(RUN, [VERDICT])
    wanted = {ALPHA: [VERDICT.snapshot_id]}
    ((first,), (again,)) = (ledger.latest(wanted)[ALPHA] for _ in range(2))
    assert first is again
    with database.transaction() as connection:
        connection.execute(text("update lakeflow_verdicts set reason = 'said later', run = 'r9'"))
    assert ledger.latest(wanted) == {ALPHA: (replace(VERDICT, reason="said later", run="r9"),)}
    with database.transaction() as connection:
        connection.execute(text("update lakeflow_verdicts set ruling = 'secret', ruled_at = '9999-12-31T00:00:00'"))
    with pytest.raises(LakeError, match="a row that is no VerdictRecord: ruling"):
        ledger.latest(wanted)


def test_checks_can_be_asked_for_by_asset_and_snapshot(ledger: SqlLedger, database: Database) -> None:
    step = StepRecord(ALPHA, snapshot_id=2**62, checks=(CheckResult("known", Outcome.FAILED, failed_rows=3),))
    ledger.save(RunRecord("r1", RunState.HELD, NOW, steps=(step,)))
    query = "select name, outcome, failed_rows from lakeflow_checks where asset = :asset and snapshot_id = :id"
    assert rows(database, query, asset="silver.alpha", id=2**62) == [("known", "failed", 3)]
    plan = rows(database, "explain query plan " + query, asset="silver.alpha", id=1)
    assert "lakeflow_checks_by_snapshot" in str(plan)


@pytest.mark.long
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
