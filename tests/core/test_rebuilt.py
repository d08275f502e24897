"""What a ledger is made again from: what counts of a table's newest metadata, and what its proofs say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import RunState, StepState
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.view.rebuilt import Proven, is_settled, runs_of, verdicts_of

KEY = AssetKey.parse("silver.a")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(id_: int, parent: int | None, run: str = "") -> Snapshot:
    summary = Provenance(run, 1, str(KEY), "code", inputs={"bronze.b": 7}).summary() if run else {}
    return Snapshot(id_, parent, NOW, "append", summary, 0)


def table(refs: Mapping[str, int], *snapshots: Snapshot) -> Table:
    return Table(
        key=KEY,
        uuid="u",
        location="file:///wh/silver/a",
        version="file:///wh/silver/a/metadata/00002-x.metadata.json",
        format_version=2,
        schema_id=0,
        schemas={0: Schema(())},
        last_column_id=0,
        snapshots={each.id: each for each in snapshots},
        refs=refs,
        proofs={},
        log=(),
        properties={},
    )


ONE, TWO, THEIRS = snapshot(1, None, "r1"), snapshot(2, 1, "r2"), snapshot(3, 1)
BEFORE = table({"main": 1, "audit_r2": 2}, ONE, TWO)


@pytest.mark.parametrize(
    ("newest", "proven", "settled"),
    [
        (table({"main": 2}, ONE, TWO), True, True),
        (table({"main": 2}, ONE, TWO), False, False),
        (table({"main": 1, "audit_r2": 2}, ONE, TWO), False, True),
        (table({"main": 3}, ONE, THEIRS), False, True),
        (table({}, ONE), False, True),
    ],
)
def test_a_main_that_moved_to_a_snapshot_of_ours_counts_with_its_proof_only(
    newest: Table, proven: bool, settled: bool
) -> None:
    assert is_settled(newest, BEFORE, proven=proven) is settled


def test_a_main_that_went_back_was_rolled_back() -> None:
    assert is_settled(table({"main": 1}, ONE, TWO), table({"main": 2}, ONE, TWO), proven=False)


def proof(id_: int, run: str, **other: Any) -> str:
    said = {
        "snapshot_id": str(id_),
        "ruling": "publish",
        "reason": "",
        "actor": "ada",
        "at": NOW.isoformat(),
        "run": run,
        "attempt": 1,
        "code_version": "code",
        "checks_digest": "d",
        "inputs": {"bronze.b": "7"},
        "checks": [{"name": "c", "outcome": "passed", "severity": "critical", "failed_rows": 0, "rows": 3}],
    }
    return json.dumps(said | other)


def test_runs_and_verdicts_are_as_the_proofs_and_branches_say() -> None:
    held = table({"main": 1, "audit_r2": 2, "audit_else": 3}, ONE, TWO, THEIRS)
    found = {KEY: Proven(held, {1: proof(1, "r1")})}
    (verdict,) = verdicts_of(found)
    assert (verdict.snapshot_id, verdict.run, verdict.inputs, verdict.passed) == (1, "r1", {"bronze.b": 7}, 1)
    first, second = sorted(runs_of(found, NOW), key=lambda run: run.id)
    assert (first.id, first.state, second.id, second.state) == ("r1", RunState.PUBLISHED, "r2", RunState.HELD)
    (step,) = second.steps
    assert (step.state, step.snapshot_id, step.base_id) == (StepState.HELD, 2, 1)


def test_a_published_snapshot_that_is_not_on_main_was_rolled_back() -> None:
    found = {KEY: Proven(table({"main": 1}, ONE, TWO), {1: proof(1, "r1"), 2: proof(2, "r2")})}
    assert {run.id: run.state for run in runs_of(found, NOW)} == {
        "r1": RunState.PUBLISHED,
        "r2": RunState.ROLLED_BACK,
    }


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", proof(9, "r1"), proof(1, "r1", ruling="hold"), proof(1, "r1", at="x"), "7"]
)
def test_a_proof_that_cannot_be_read_or_is_of_another_snapshot_proves_nothing(text: str) -> None:
    found = {KEY: Proven(replace(BEFORE, refs={"main": 1}), {1: text})}
    assert (verdicts_of(found), runs_of(found, NOW)) == ((), ())
