"""What one publish asks of the catalog and records: the moves with their reasons, how much of the past stays, who."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from lakeflow import wap
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Pin, Publish
from lakeflow.core.model.run import MoveNote, Ruling, RunState
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import Entry
from tests.core.samples import key
from tests.wap.doubles import Crash
from tests.wap.lab import ACTOR, Lab, states


@pytest.fixture
def asked(lab: Lab) -> list[Change]:
    """All changes that commits have asked for, in order."""
    found: list[Change] = []
    commit = lab.catalog.commit

    def noted(changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        found.extend(changes)
        done: Mapping[AssetKey, Table] = commit(changes, entry)
        return done

    lab.catalog.commit = noted
    return found


def published(asked: Sequence[Change], name: str) -> Publish:
    """The last publish of that table."""
    return [each for each in asked if isinstance(each, Publish) and each.key == key(name)][-1]


def test_a_move_says_in_which_run_by_whom_why_it_was_planned_and_what_was_checked(
    lab: Lab, asked: list[Change]
) -> None:
    lab.check("silver.b", lambda *_: True)
    run = lab.materialize()
    (step,) = (each for each in run.steps if each.asset == key("silver.b"))
    passed = sum(check.outcome == "passed" for check in step.checks)
    assert passed > 0
    assert step.reasons
    assert published(asked, "silver.b").note == MoveNote(
        Ruling.PUBLISH, "r1", ACTOR, "", step.reasons, passed, len(step.checks)
    )


def test_a_forced_move_says_the_reason_that_somebody_gave(lab: Lab, asked: list[Change]) -> None:
    lab.check("silver.b", lambda *_: False)
    lab.materialize("bronze.a silver.b")
    lab.publish("r1", reason="the vendor's fault")
    forced = published(asked, "silver.b")
    assert forced.note is not None
    assert (forced.note.ruling, forced.note.reason) == (Ruling.FORCED, "the vendor's fault")
    assert forced.note.passed < forced.note.total
    proof = json.loads(forced.proof)
    assert (proof["ruling"], proof["reason"], proof["actor"]) == ("forced", "the vendor's fault", ACTOR)


def test_what_an_asset_keeps_goes_before_what_the_settings_keep(lab: Lab, asked: list[Change]) -> None:
    lab.policy = wap.Policy(retry_pause=0.0, keep_snapshots=7, keep_age=timedelta(days=3))
    lab.define("gold.own", [1], keep_snapshots=0, keep_age=timedelta(days=1))
    lab.define("gold.half", [1], keep_snapshots=2)
    lab.materialize()
    began = lab.clock.now
    lab.define("gold.own", [2], keep_snapshots=0, keep_age=timedelta(days=1))
    lab.define("gold.half", [2], keep_snapshots=2)
    lab.define("silver.b", [2], "bronze.a")
    lab.materialize()
    kept = {name: published(asked, name) for name in ("gold.own", "gold.half", "silver.b")}
    assert {name: each.keep for name, each in kept.items()} == {"gold.own": 0, "gold.half": 2, "silver.b": 7}
    days = {name: round((began - each.since) / timedelta(days=1)) for name, each in kept.items() if each.since}
    assert days == {"gold.own": 1, "gold.half": 3, "silver.b": 3}


def test_a_table_without_an_age_is_asked_for_by_no_time(lab: Lab, asked: list[Change]) -> None:
    lab.materialize()
    assert published(asked, "silver.b").since is None


def test_inputs_that_the_run_did_not_write_are_pinned_and_its_own_are_not(lab: Lab, asked: list[Change]) -> None:
    lab.materialize("bronze.a")
    raw = lab.main("bronze.a") or 0
    del asked[:]
    lab.materialize("silver.b gold.c")
    assert [each for each in asked if isinstance(each, Pin)] == [Pin(key("bronze.a"), raw)]


def test_a_step_of_an_earlier_attempt_keeps_the_time_of_its_end(lab: Lab) -> None:
    lab.check("gold.c", lambda *_: False)
    first = lab.materialize()
    lab.check("gold.c", lambda *_: True)
    again = lab.retry("r1")
    assert states(again)["run"] == "published"
    before = {each.asset: each.ended_at for each in first.steps}
    after = {each.asset: each.ended_at for each in again.steps}
    assert after[key("silver.b")] == before[key("silver.b")]
    late = after[key("gold.c")]
    assert late is not None
    assert late > (before[key("gold.c")] or late)
    assert again.ended_at is not None
    assert again.ended_at >= late


def test_every_step_that_is_published_is_told_by_its_name_while_that_goes_on(lab: Lab) -> None:
    lab.materialize()
    told = [str(each.asset) for each in lab.events if getattr(each, "phase", None) == "publishing"]
    assert sorted(told) == ["bronze.a", "gold.c", "silver.b"]


def test_what_was_not_audited_is_not_published_whatever_the_steps_say(lab: Lab) -> None:
    """A retry that dies between write and audit leaves a branch that the next one audits first."""
    lab.check("silver.b", lambda *_: False)
    lab.materialize("bronze.a silver.b")
    lab.check("silver.b", lambda *_: True)
    lab.crash_at("auditor.audit>")
    with pytest.raises(Crash):
        lab.retry("r1")
    lab.reopen()
    assert lab.retry("r1").state is RunState.PUBLISHED
    assert lab.rows("silver.b") == [2, 4]
