"""When the rows below an append may be taken for audited, and which checks they have passed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.provenance import Provenance
from lakeflow.core.model.run import CheckResult, Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.run.added_rows import passed_below, verdict_below

from .samples import NOON, snapshot, step, table, verdict

STEP = step("silver.a", snapshot_id=2, checks_digest="d")
PASSED = verdict("silver.a", 1, checks_digest="d")
WIDER = Schema((Field("n", Primitive("long"), 1),), 9)


def ours(
    id_: int, parent: int | None = None, operation: str = "append", version: str = "1", write: str = ""
) -> Snapshot:
    made = Provenance("r1", 1, "silver.a", "v1", version=version, write=write).summary()
    return replace(snapshot(id_, parent, operation), summary=made)


def below(*snapshots: Snapshot, verdicts: tuple[VerdictRecord, ...] = (PASSED,)) -> VerdictRecord | None:
    return verdict_below(table("silver.a", *snapshots), STEP, verdicts)


def test_an_append_on_what_passed_the_same_checks_stands_on_its_verdict() -> None:
    assert below(ours(1), ours(2, 1)) == PASSED


@pytest.mark.parametrize("mode", ["upsert", "partition", "scd2"])
def test_so_does_a_merge_whose_other_rows_stay_as_they_were(mode: str) -> None:
    assert below(ours(1), ours(2, 1, "overwrite", write=mode)) == PASSED


@pytest.mark.parametrize(
    "snapshots",
    [
        (ours(1), ours(2, 1, "overwrite")),
        (ours(1), ours(2, 1, "overwrite", write="replace")),
        (snapshot(1), ours(2, 1)),
        (ours(1, version="0"), ours(2, 1)),
        (ours(2, 1),),
        (ours(1), snapshot(3, 1), ours(2, 3)),
    ],
    ids=[
        "overwritten",
        "replaced",
        "another engine's rows",
        "another release",
        "expired",
        "rebased onto another engine's",
    ],
)
def test_nothing_else_does(snapshots: tuple[Snapshot, ...]) -> None:
    assert below(*snapshots) is None


@pytest.mark.parametrize(
    "verdicts",
    [
        (),
        (replace(PASSED, ruling=Ruling.FORCED),),
        (replace(PASSED, ruling=Ruling.HOLD),),
        (replace(PASSED, checks_digest="other"),),
        (PASSED, replace(PASSED, ruling=Ruling.HOLD)),
        (PASSED, replace(PASSED, checks_digest="newer")),
    ],
    ids=["none", "forced", "held", "other checks", "held later", "audited with other checks later"],
)
def test_only_a_verdict_to_publish_under_the_same_checks_counts(verdicts: tuple[VerdictRecord, ...]) -> None:
    assert below(ours(1), ours(2, 1), verdicts=verdicts) is None


def test_a_new_write_that_was_equal_takes_nothing_back() -> None:
    equal = replace(PASSED, ruling=Ruling.UNCHANGED)
    assert below(ours(1), ours(2, 1), verdicts=(PASSED, equal)) == PASSED


def test_other_columns_are_looked_at_whole() -> None:
    with_more: Table = table("silver.a", ours(1), replace(ours(2, 1), schema_id=9))
    with_more = replace(with_more, schemas={**with_more.schemas, 9: WIDER})
    assert verdict_below(with_more, STEP, (PASSED,)) is None


def test_the_checks_that_passed_are_those_of_the_run_that_was_ruled_on() -> None:
    good = CheckResult("n not null", Outcome.PASSED, path="checks/silver/a.py")
    checks: Any = (good, CheckResult("bad", Outcome.FAILED), CheckResult("broken", Outcome.ERRORED))
    audited = replace(step("silver.a", snapshot_id=1, checks_digest="d"), checks=checks)
    run = RunRecord("r1", RunState.PUBLISHED, NOON, steps=(audited,))
    assert passed_below(run, PASSED) == {("checks/silver/a.py", "n not null")}
    assert passed_below(replace(run, steps=(replace(audited, checks_digest="x"),)), PASSED) == frozenset()
    assert passed_below(replace(run, steps=()), PASSED) == frozenset()
