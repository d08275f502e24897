"""From a plan to what readers see: publish, hold, skip, leave unchanged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import AssetError, SelectionError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Ruling
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.entry import Entry
from lakeflow.core.run.events import Phase, Planned, RunEnded, RunStarted, StepEnded, StepPhase
from lakeflow.core.view.history import predecessor
from tests.core.samples import key
from tests.wap.doubles import Rule
from tests.wap.lab import ACTOR, Lab, states


def bad(*_: object) -> bool:
    return False


def broken(_: object) -> list[int]:
    raise AssetError("column `x` does not exist", hint="look at the SELECT")


def test_what_passes_its_checks_is_published_and_its_branch_is_gone(lab: Lab) -> None:
    run = lab.materialize()
    assert states(run) == {"run": "published", "bronze.a": "published", "silver.b": "published", "gold.c": "published"}
    assert [lab.rows(name) for name in ("bronze.a", "silver.b", "gold.c")] == [[1, 2], [2, 4], [6]]
    assert not any(lab.branches(name) for name in ("bronze.a", "silver.b", "gold.c"))
    assert lab.run() == run


def test_every_published_snapshot_has_a_verdict_and_says_where_it_comes_from(lab: Lab) -> None:
    run = lab.materialize()
    table = lab.table("silver.b")
    (verdict,) = lab.ledger.verdicts([key("silver.b")])[key("silver.b")]
    assert (verdict.snapshot_id, verdict.ruling, verdict.run, verdict.actor) == (
        table.main,
        Ruling.PUBLISH,
        run.id,
        ACTOR,
    )
    assert table.published is not None
    said = provenance_of(table.published.summary)
    assert said is not None
    assert (said.run, said.asset, said.inputs) == (run.id, "silver.b", {"bronze.a": lab.main("bronze.a")})
    assert set(table.proofs) == {table.main}


def test_nothing_to_do_is_no_run(lab: Lab) -> None:
    lab.materialize()
    events: list[object] = []
    assert wap.materialize(lab.world, wap.Request(tuple(lab.assets)), events.append) is None
    assert len(lab.ledger.runs()) == 1
    assert [type(event) for event in events] == [Planned]


def test_all_tables_of_a_run_move_in_one_commit(lab: Lab) -> None:
    seen: list[tuple[object, ...]] = []
    lab.gate(lambda _: seen.append(tuple(lab.main(name) for name in lab_names)))
    lab_names = ("bronze.a", "silver.b", "gold.c")
    lab.materialize()
    assert {tuple(main is not None for main in mains) for mains in seen} == {(False,) * 3, (True,) * 3}


def test_a_failed_check_holds_the_asset_skips_what_is_made_from_it_and_publishes_the_rest(lab: Lab) -> None:
    lab.check("silver.b", bad)
    run = lab.materialize()
    assert states(run) == {"run": "held", "bronze.a": "published", "silver.b": "held", "gold.c": "skipped"}
    assert (lab.rows("bronze.a"), lab.rows("silver.b")) == ([1, 2], None)
    held = run.step(key("silver.b"))
    assert held is not None
    assert held.reason == "rule failed"
    assert lab.branches("silver.b") == ["audit_r1"]
    assert lab.rows("silver.b", held.snapshot_id) == [2, 4]
    (verdict,) = lab.ledger.verdicts([key("silver.b")])[key("silver.b")]
    assert (verdict.ruling, verdict.snapshot_id, verdict.passed, verdict.total, verdict.reason) == (
        *(Ruling.HOLD, held.snapshot_id, 1, 2),
        "rule failed",
    )
    ended = [event for event in lab.events if isinstance(event, StepEnded)]
    assert {event.run for event in ended} == {run.id}
    assert {event.step.asset: event.step for event in ended}[key("bronze.a")] == run.step(key("bronze.a"))


def test_code_that_fails_ends_its_step_and_leaves_the_others_alone(lab: Lab) -> None:
    lab.define("silver.b", broken, "bronze.a")
    lab.define("silver.d", [7])
    run = lab.materialize()
    assert states(run) == {
        "run": "failed",
        "bronze.a": "published",
        "silver.b": "errored",
        "gold.c": "skipped",
        "silver.d": "published",
    }
    step = run.step(key("silver.b"))
    assert step is not None
    assert step.reason == "column `x` does not exist (look at the SELECT)"


def test_all_or_nothing_publishes_nothing_when_one_asset_is_held(lab: Lab) -> None:
    lab.check("gold.c", bad)
    run = lab.materialize(all_or_nothing=True)
    assert states(run) == {"run": "held", "bronze.a": "held", "silver.b": "held", "gold.c": "held"}
    assert lab.rows("bronze.a") is None
    step = run.step(key("bronze.a"))
    assert step is not None
    assert step.reason == "all or nothing: gold.c is not published"


def test_an_asset_waits_for_the_table_that_its_check_refers_to() -> None:
    lab = Lab()
    lab.define("gold.fact", [1, 9])
    lab.define("gold.dim", [1])
    lab.check("gold.fact", lambda rows, named: set(rows) <= set(named["gold.dim"]), "gold.dim")
    lab.check("gold.dim", bad)
    assert states(lab.materialize()) == {"run": "held", "gold.fact": "held", "gold.dim": "held"}


def test_a_check_sees_what_this_run_wrote_for_the_tables_that_it_names() -> None:
    lab = Lab()
    lab.define("gold.fact", [1])
    lab.define("gold.dim", [1])
    lab.check("gold.fact", lambda rows, named: set(rows) <= set(named["gold.dim"]), "gold.dim")
    lab.materialize()
    lab.define("gold.fact", [1, 2])
    lab.define("gold.dim", [1, 2])
    assert states(lab.materialize()) == {"run": "published", "gold.fact": "published", "gold.dim": "published"}


def test_checks_that_refer_to_each_other_both_see_what_this_run_wrote() -> None:
    lab = Lab()

    def same(other: str) -> Rule:
        return lambda rows, named: rows == named[other]

    lab.define("gold.x", [1])
    lab.define("gold.y", [1])
    lab.materialize()
    lab.define("gold.x", [2])
    lab.define("gold.y", [2])
    lab.check("gold.x", same("gold.y"), "gold.y")
    lab.check("gold.y", same("gold.x"), "gold.x")
    assert states(lab.materialize()) == {"run": "published", "gold.x": "published", "gold.y": "published"}


def test_a_replace_that_gives_the_same_rows_leaves_main_and_what_reads_it_alone(lab: Lab) -> None:
    lab.materialize()
    before = {name: lab.main(name) for name in ("bronze.a", "silver.b", "gold.c")}
    lab.define("silver.b", lambda rows: sorted(2 * number for number in rows["bronze.a"]), "bronze.a")
    run = lab.materialize()
    assert states(run) == {"run": "published", "silver.b": "unchanged", "gold.c": "unchanged"}
    assert {name: lab.main(name) for name in before} == before
    assert not lab.branches("silver.b")
    assert lab.is_fresh(), "that the new code gives the same rows is remembered"


def test_forced_publishes_even_equal_rows(lab: Lab) -> None:
    lab.materialize()
    before = lab.main("gold.c")
    assert states(lab.materialize("gold.c", forced=True))["gold.c"] == "published"
    assert lab.main("gold.c") != before


def test_an_upstream_that_ends_unchanged_does_not_keep_back_what_was_stale_before(lab: Lab) -> None:
    lab.define("silver.b", [5])
    lab.materialize()
    lab.define("silver.b", [8])
    lab.materialize("silver.b")
    assert lab.rows("gold.c") == [5]
    run = lab.materialize()
    assert (states(run)["silver.b"], states(run)["gold.c"]) == ("unchanged", "published")
    assert lab.rows("gold.c") == [8]


def test_a_changed_check_is_run_on_main_and_nothing_is_written(lab: Lab) -> None:
    lab.materialize()
    before = lab.main("silver.b")
    lab.engine.ran.clear()
    lab.check("silver.b", lambda rows, _: min(rows) > 0)
    run = lab.materialize()
    assert states(run) == {"run": "published", "silver.b": "audited"}
    assert (lab.main("silver.b"), lab.engine.ran) == (before, [])
    assert lab.is_fresh()


def test_a_changed_check_that_fails_on_main_holds_the_run_and_takes_nothing_back(lab: Lab) -> None:
    lab.materialize()
    lab.check("silver.b", bad)
    assert states(lab.materialize()) == {"run": "held", "silver.b": "held"}
    assert lab.rows("silver.b") == [2, 4]
    assert [(str(one.asset), one.run) for one in lab.plan().held] == [("silver.b", "r2")], "it is not audited again"


def test_foreign_rows_on_main_are_audited_and_then_known(lab: Lab) -> None:
    lab.materialize()
    lab.foreign_append("silver.b", [100])
    run = lab.materialize()
    assert states(run) == {"run": "published", "silver.b": "audited", "gold.c": "published"}
    assert lab.rows("gold.c") == [106]
    assert lab.is_fresh()


def test_foreign_rows_are_audited_also_where_only_an_unchanged_upstream_would_run(lab: Lab) -> None:
    lab.materialize()
    lab.foreign_append("gold.c", [bad_row := -1])
    lab.check("gold.c", lambda rows, _: bad_row not in rows)
    lab.define("silver.b", lab.rows("silver.b") or [])
    run = lab.materialize()
    assert states(run) == {"run": "held", "silver.b": "unchanged", "gold.c": "held"}


def test_an_append_goes_on_top_of_what_stands(lab: Lab) -> None:
    lab.materialize()
    lab.define("bronze.a", [3], reads=("a.csv",))
    lab.materialize()
    assert (lab.rows("bronze.a"), lab.rows("gold.c")) == ([1, 2, 3], [12])


def test_an_empty_result_replaces_the_rows_by_none(lab: Lab) -> None:
    lab.materialize()
    lab.define("silver.b", [])
    assert states(lab.materialize())["silver.b"] == "published"
    assert (lab.rows("silver.b"), lab.rows("gold.c")) == ([], [0])


def test_an_upstream_that_was_never_built_must_be_selected(lab: Lab) -> None:
    with pytest.raises(SelectionError, match="never built"):
        lab.materialize("gold.c")
    assert lab.ledger.runs() == ()


def test_a_silver_append_adds_what_its_inputs_give(lab: Lab) -> None:
    lab.define("silver.b", lambda rows: [len(rows["bronze.a"])], "bronze.a", write=WriteMode.APPEND)
    lab.materialize()
    lab.define("bronze.a", [3], reads=("a.csv",))
    lab.materialize()
    assert lab.rows("silver.b") == [2, 3]


def test_whoever_watches_is_told_the_plan_each_phase_and_each_end(lab: Lab) -> None:
    lab.materialize("bronze.a")
    kinds = [event.phase if isinstance(event, StepPhase) else type(event) for event in lab.events]
    assert kinds == [
        Planned,
        RunStarted,
        Phase.WRITING,
        Phase.AUDITING,
        StepEnded,
        Phase.PUBLISHING,
        StepEnded,
        RunEnded,
    ]


def test_the_proof_is_plain_json_without_rows(lab: Lab) -> None:
    seen: list[str] = []
    real = lab.catalog.commit

    class Looking:
        def __getattr__(self, name: str) -> object:
            return getattr(lab_catalog, name)

        def commit(self, changes: Sequence[Any], entry: Entry) -> object:
            seen.extend(change.proof for change in changes if hasattr(change, "proof"))
            return real(changes, entry)

    lab_catalog, lab.catalog = lab.catalog, Looking()
    lab.check("silver.b", lambda *_: True)
    lab.materialize("bronze.a silver.b")
    (proof,) = (said for said in map(json.loads, seen) if said["asset"] == "silver.b")
    (verdict,) = lab.ledger.verdicts([key("silver.b")])[key("silver.b")]
    accepted = {"outcome": "passed", "severity": "critical", "failed_rows": None, "rows": None}
    assert proof == {
        "format": "lakeflow.proof/1",
        "asset": "silver.b",
        "snapshot_id": str(lab.main("silver.b")),
        "ruling": "publish",
        "reason": "",
        "actor": ACTOR,
        "at": verdict.at.isoformat(),
        "run": "r1",
        "attempt": 1,
        "code_version": lab.assets[key("silver.b")].code_version,
        "checks_digest": lab.suites[key("silver.b")].digest,
        "inputs": {"bronze.a": str(lab.main("bronze.a"))},
        "checks": [{"name": "rule", **accepted}, {"name": "rows", **accepted}],
    }


def test_a_check_of_its_own_main_sees_what_readers_saw_before_the_audited_snapshot(lab: Lab) -> None:
    seen: list[list[int]] = []

    def note(_: object, named: Mapping[str, Sequence[int]]) -> bool:
        seen.append(list(named["published.silver.b"]))
        return True

    lab.check("silver.b", note, published="silver.b")
    lab.define("silver.b", [7], reads=("b.csv",))
    lab.materialize("bronze.a silver.b")
    lab.define("silver.b", [8], reads=("b.csv",))
    lab.materialize("silver.b")
    lab.check("silver.b", note, published="silver.b")
    lab.materialize("silver.b")
    assert seen == [[], [7], [7]], "a first build, a run, and an audit of main again"


def test_a_compaction_of_main_is_not_what_stood_before(lab: Lab) -> None:
    lab.define("silver.b", [7])
    lab.materialize("bronze.a silver.b")
    first = lab.main("silver.b")
    lab.define("silver.b", [8])
    lab.materialize("silver.b")
    lab.foreign_compact("silver.b")
    table = lab.table("silver.b")
    assert predecessor(table, table.main) == first
