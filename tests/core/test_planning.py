"""What a plan says of each thing that can have changed, and of everything that has not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.errors import SelectionError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project
from lakeflow.core.model.run import Action, Ruling, VerdictRecord
from lakeflow.core.model.table import Table
from lakeflow.core.plan.facts import Facts, moved, published
from lakeflow.core.plan.order import run_order
from lakeflow.core.plan.planning import Plan, plan
from lakeflow.core.plan.reasons import Cause
from tests.core.samples import asset, facts, key, keys, made, names, project, snapshot, suite, table, verdict

RAW = asset("bronze.raw", reads=("data/*.csv",))
CLEAN = asset("silver.clean", "bronze.raw")
DAYS = asset("gold.days", "silver.clean")
CHAIN = project(RAW, CLEAN, DAYS)
FRESH = {
    "bronze.raw": table("bronze.raw", made(1, reads_digest="d1")),
    "silver.clean": table("silver.clean", made(2, inputs={"bronze.raw": 1})),
    "gold.days": table("gold.days", made(3, inputs={"silver.clean": 2})),
}


def planned(
    *changed: Table, of: Project = CHAIN, reads: str = "d1", verdicts: Sequence[VerdictRecord] = (), **others: Any
) -> Plan:
    """The plan of the whole chain, fresh but for the tables given."""
    tables = {**FRESH, **{str(one.key): one for one in changed}}
    said = facts(*tables.values(), verdicts=verdicts, reads={"bronze.raw": reads})
    return plan(of, said, tuple(of.assets), **others)


def causes(found: Plan) -> dict[str, list[Cause]]:
    return {str(step.asset): [reason.cause for reason in step.reasons] for step in found.steps}


def test_a_lake_in_which_nothing_changed_needs_nothing() -> None:
    found = planned()
    assert not found.steps
    assert names(found.fresh) == ["bronze.raw", "silver.clean", "gold.days"]


def test_an_empty_lake_builds_everything_in_dependency_order() -> None:
    shuffled = project(DAYS, CLEAN, RAW)
    found = plan(shuffled, Facts({}), tuple(shuffled.assets))
    assert names(step.asset for step in found.steps) == ["bronze.raw", "silver.clean", "gold.days"]
    assert set(map(tuple, causes(found).values())) == {(Cause.NEVER_BUILT,)}
    assert [step.base_id for step in found.steps] == [None, None, None]


def test_changed_code_runs_the_asset_and_what_is_made_from_it() -> None:
    found = planned(of=project(RAW, replace(CLEAN, code_version="code-2"), DAYS))
    assert causes(found) == {"silver.clean": [Cause.CODE_CHANGED], "gold.days": [Cause.UPSTREAM_RUNS]}
    assert str(found.steps[0].reasons[0]) == "code changed (code-1 → code-2)".replace("code-1", "code-1"[:6])
    assert found.steps[1].upstreams == frozenset(keys("silver.clean"))


def test_a_changed_check_audits_what_is_published_and_writes_nothing() -> None:
    found = planned(of=project(RAW, CLEAN, DAYS, suites={"silver.clean": suite("checks-2")}))
    assert causes(found) == {"silver.clean": [Cause.CHECK_CHANGED]}
    assert found.steps[0].action is Action.AUDIT


def test_changed_outside_files_run_the_root_that_reads_them() -> None:
    found = planned(reads="d2")
    assert causes(found)["bronze.raw"] == [Cause.FILES_CHANGED]
    assert causes(found)["gold.days"] == [Cause.UPSTREAM_RUNS]


def test_a_moved_input_is_named_with_the_rows_that_came() -> None:
    raw = table("bronze.raw", made(1), made(7, 1, rows=25, reads_digest="d1"))
    found = planned(raw)
    assert causes(found)["silver.clean"] == [Cause.INPUT_MOVED]
    assert str(found.steps[0].reasons[0]) == "input moved: bronze.raw s1 → s7 (+15 rows)"


def test_an_input_that_another_engine_compacted_has_not_moved() -> None:
    raw = table("bronze.raw", made(1, reads_digest="d1"), snapshot(7, 1, "replace"), snapshot(8, 7, "replace"))
    assert not planned(raw).steps


def test_an_input_that_was_rolled_back_has_moved() -> None:
    raw = table("bronze.raw", made(1, reads_digest="d1"), made(2, 1), main=1)
    clean = table("silver.clean", made(3, inputs={"bronze.raw": 2}))
    days = table("gold.days", made(4, inputs={"silver.clean": 3}))
    assert causes(planned(raw, clean, days))["silver.clean"] == [Cause.INPUT_MOVED]


def test_an_input_whose_old_snapshot_has_expired_has_moved_by_an_unknown_number_of_rows() -> None:
    raw = table("bronze.raw", made(7, 6, rows=25))
    assert moved(raw, 1) == (raw.snapshots[7], None)


def test_a_root_without_a_fingerprint_always_runs_and_warns_that_an_append_lands_again() -> None:
    root = asset("bronze.raw")
    found = planned(of=project(root, CLEAN, DAYS))
    assert causes(found)["bronze.raw"] == [Cause.NO_FINGERPRINT]
    assert found.warnings == ("bronze.raw appends: rows that it landed before will land again",)


def test_an_upstream_that_runs_does_not_hide_that_the_input_moved_already() -> None:
    """Else a step whose upstream ends unchanged would stay stale for ever."""
    root = table("bronze.raw", made(1), made(7, 1))
    found = planned(root, of=project(asset("bronze.raw"), CLEAN, DAYS))
    assert causes(found)["silver.clean"] == [Cause.UPSTREAM_RUNS, Cause.INPUT_MOVED]


def test_an_upstream_that_is_only_audited_does_not_run_what_reads_it() -> None:
    found = planned(of=project(RAW, CLEAN, DAYS, suites={"bronze.raw": suite("checks-2")}))
    assert causes(found) == {"bronze.raw": [Cause.CHECK_CHANGED]}


def test_rows_that_another_engine_changed_are_audited() -> None:
    clean = table(
        "silver.clean",
        made(2, inputs={"bronze.raw": 1}),
        snapshot(8, 2, "delete", **{"deleted-records": "3"}),
    )
    found = planned(clean)
    assert causes(found) == {"silver.clean": [Cause.FOREIGN], "gold.days": [Cause.INPUT_MOVED]}
    assert found.steps[0].action is Action.AUDIT
    assert str(found.steps[0].reasons[0]) == "changed outside lakeflow: s8 delete (-3 rows)"


def test_foreign_rows_that_were_audited_once_are_not_audited_again() -> None:
    clean = table("silver.clean", made(2, inputs={"bronze.raw": 1}), snapshot(8, 2))
    days = table("gold.days", made(3, inputs={"silver.clean": 8}))
    said = verdict("silver.clean", 8, inputs={"bronze.raw": 1})
    assert not planned(clean, days, verdicts=(said,)).steps


def test_a_table_that_only_others_wrote_is_rebuilt_because_its_code_is_unknown() -> None:
    found = planned(table("silver.clean", snapshot(2)))
    assert causes(found)["silver.clean"] == [Cause.CODE_CHANGED, Cause.FOREIGN]


def test_a_confirmed_equal_write_is_remembered_with_its_new_inputs() -> None:
    """The verdict `unchanged` on main says from which inputs the same rows came (else they would move for ever)."""
    raw = table("bronze.raw", made(1), made(7, 1, reads_digest="d1"))
    said = verdict("silver.clean", 2, Ruling.UNCHANGED, inputs={"bronze.raw": 7})
    assert not planned(raw, verdicts=(said,)).steps


def test_a_hold_says_nothing_about_what_stands_on_main() -> None:
    held = verdict("silver.clean", 2, Ruling.HOLD, checks_digest="checks-2")
    assert not planned(verdicts=(held,)).steps


def test_forced_runs_what_is_fresh_and_says_so() -> None:
    found = planned(forced=True)
    assert [reasons[0] for reasons in causes(found).values()] == [Cause.FORCED] * 3


def test_a_code_version_of_an_older_algorithm_is_compared_by_its_text() -> None:
    said = replace(facts(*FRESH.values(), reads={"bronze.raw": "d1"}), renamed_code={"code-1": "new-1"})
    same = project(*(replace(one, code_version="new-1") for one in CHAIN.assets.values()))
    assert not plan(same, said, tuple(same.assets)).steps


def test_an_upstream_that_was_never_built_and_is_not_selected_is_refused_with_the_selection_to_type() -> None:
    with pytest.raises(SelectionError, match=r"silver\.clean reads bronze\.raw, which was never built") as caught:
        plan(CHAIN, Facts({}), keys("silver.clean"))
    assert caught.value.hint == "select it too: `+silver.clean`"


def test_an_unborn_table_counts_as_never_built() -> None:
    unborn = table("bronze.raw")
    with pytest.raises(SelectionError):
        plan(CHAIN, facts(unborn), keys("silver.clean"))
    assert causes(plan(CHAIN, facts(unborn), keys("bronze.raw"))) == {"bronze.raw": [Cause.NEVER_BUILT]}


def test_tables_that_checks_refer_to_are_written_before_the_asset_that_is_checked() -> None:
    facts_first = project(
        asset("gold.facts", "silver.clean"),
        asset("gold.dim", "silver.clean"),
        CLEAN,
        RAW,
        suites={"gold.facts": suite("c", "gold.dim")},
    )
    order = names(run_order(facts_first, tuple(facts_first.assets)))
    assert order.index("gold.dim") < order.index("gold.facts")


def test_checks_that_refer_to_each_other_still_have_an_order() -> None:
    both = project(
        asset("gold.a"), asset("gold.b"), suites={"gold.a": suite("c", "gold.b"), "gold.b": suite("c", "gold.a")}
    )
    assert sorted(names(run_order(both, tuple(both.assets)))) == ["gold.a", "gold.b"]


def test_rows_to_read_counts_the_published_rows_of_all_inputs() -> None:
    found = planned(of=project(RAW, replace(CLEAN, code_version="code-2"), DAYS))
    assert (found.rows_to_read, found.total, found.selected) == (20, 3, 3)


def test_what_stands_is_read_from_the_summary_when_the_ledger_is_lost() -> None:
    stands = published(FRESH["silver.clean"])
    assert stands is not None
    assert (stands.code_version, stands.inputs, stands.foreign) == ("code-1", {"bronze.raw": 1}, None)
    assert published(None) is None
    assert published(table("silver.clean")) is None


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Asset, ...]:
    """Silver assets in which each reads some of those before it; roots are fingerprinted."""
    size = draw(st.integers(1, 7))
    found = []
    for number in range(size):
        reads = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        upstreams = " ".join(f"silver.t{one}" for one in sorted(reads))
        version = draw(st.sampled_from(["code-1", "code-2"]))
        source = () if reads else ("x.csv",)
        found.append(asset(f"silver.t{number}", upstreams, code_version=version, reads=source))
    return tuple(found)


def after(found: Plan, world: Mapping[AssetKey, Asset], before: Facts) -> Facts:
    """The facts when every step was carried out with the same facts: each wrote one snapshot more."""
    ids = {step.asset: 100 + number for number, step in enumerate(found.steps)}
    standing = {k: t.main for k, t in before.tables.items()}
    tables = dict(before.tables)
    for step in found.steps:
        inputs = {str(up): ids.get(up, standing.get(up) or 0) for up in world[step.asset].upstreams}
        version = world[step.asset].code_version
        parents = before.tables[step.asset].snapshots.values() if step.asset in before.tables else ()
        wrote = made(ids[step.asset], step.base_id, code_version=version, inputs=inputs, reads_digest="d1")
        tables[step.asset] = table(str(step.asset), *parents, wrote)
    return replace(before, tables=tables)


@given(graphs(), st.data())
def test_a_plan_whose_steps_were_all_published_leaves_nothing_to_do(
    graph: tuple[Asset, ...], data: st.DataObject
) -> None:
    what = project(*graph)
    reads = {one.key: "d1" for one in graph if one.reads}
    nothing = Facts({}, reads_digests=reads)
    for _ in range(2):
        built = after(plan(what, nothing, tuple(what.assets)), what.assets, nothing)
        assert not plan(what, built, tuple(what.assets)).steps
        changed = data.draw(st.sets(st.sampled_from([one.key for one in graph])))
        what = project(*(replace(one, code_version="code-3") if one.key in changed else one for one in graph))
        again = plan(what, built, tuple(what.assets))
        assert changed <= {step.asset for step in again.steps}
        assert not plan(what, after(again, what.assets, built), tuple(what.assets)).steps
        what = project(*graph)


@given(graphs())
def test_every_step_comes_after_all_its_upstreams(graph: tuple[Asset, ...]) -> None:
    what = project(*reversed(graph))
    seen: set[AssetKey] = set()
    for step in plan(what, Facts({}), tuple(what.assets)).steps:
        assert what.assets[step.asset].upstreams <= seen
        seen.add(step.asset)


def calls_to_plan(assets: int) -> int:
    """How many functions are called to plan so many assets, all of them built, each read by the three after it."""
    graph = [asset(f"silver.t{n}", " ".join(f"silver.t{m}" for m in range(max(0, n - 3), n))) for n in range(assets)]
    what = project(*graph)
    standing = facts(
        *(
            table(str(one.key), made(n + 1, inputs={str(up): int(up.name[1:]) + 1 for up in one.upstreams}))
            for n, one in enumerate(graph)
        )
    )
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = plan(what, standing, tuple(what.assets))
    finally:
        sys.setprofile(before)
    assert found.selected == assets
    return counted


@pytest.mark.long
def test_four_times_as_many_assets_take_four_times_the_work_to_plan() -> None:
    assert calls_to_plan(1000) < 4.5 * calls_to_plan(250)


def test_planning_imports_no_engine_no_checks_and_no_data_frames() -> None:
    heavy = ("great_expectations", "pandas", "scipy", "duckdb", "pyiceberg", "pyarrow", "sqlalchemy")
    source = f"import sys, lakeflow.core.plan.planning, lakeflow.wap; print([m for m in {heavy!r} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_reason_reads_as_a_sentence_for_every_cause() -> None:
    found = planned(of=project(asset("bronze.raw"), replace(CLEAN, code_version="code-2"), DAYS), forced=True)
    assert [str(reason) for step in found.steps for reason in step.reasons] == [
        "forced",
        "always runs: nothing says whether its source changed",
        "forced",
        "code changed (code-1 → code-2)",
        "upstream runs: bronze.raw",
        "forced",
        "upstream runs: silver.clean",
    ]
    assert found.step(key("silver.clean")) is found.steps[1]
    assert found.step(key("silver.none")) is None


BUYERS = asset("gold.buyers", "silver.clean")
SALES = asset("gold.sales", "silver.clean")
STAR = project(RAW, CLEAN, BUYERS, SALES, suites={"gold.sales": suite("k", "gold.buyers")})


def star(buyers: Table, looked_at: int, **others: Any) -> Plan:
    sales = table("gold.sales", made(5, inputs={"silver.clean": 2}, checks="k"))
    said = verdict("gold.sales", 5, code_version="code-1", checks_digest="k", inputs={"silver.clean": 2})
    said = replace(said, looked_at={"gold.buyers": looked_at})
    return planned(buyers, sales, of=STAR, verdicts=(said,), **others)


def test_a_table_that_a_check_referred_to_has_moved_and_asks_for_an_audit_alone() -> None:
    buyers = table("gold.buyers", made(4, inputs={"silver.clean": 2}), made(6, 4, inputs={"silver.clean": 2}))
    assert not star(buyers, looked_at=6).steps
    (step,) = star(buyers, looked_at=4).steps
    assert step.action is Action.AUDIT
    assert [str(reason) for reason in step.reasons] == ["reference moved: gold.buyers s4 → s6 (+0 rows)"]


def test_a_table_that_a_check_refers_to_runs_and_what_stands_is_audited_against_it() -> None:
    buyers = table("gold.buyers", made(4, code_version="old", inputs={"silver.clean": 2}))
    found = star(buyers, looked_at=4)
    assert causes(found) == {"gold.buyers": [Cause.CODE_CHANGED], "gold.sales": [Cause.REFERENCE_RUNS]}
    assert found.steps[1].action is Action.AUDIT
