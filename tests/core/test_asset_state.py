"""What waits for a decision, what is stale, what was never built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Column
from lakeflow.core.model.check import Suite
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import plan
from lakeflow.core.view.lineage import personal, trees, with_snapshots
from lakeflow.core.view.rows import AssetState, AssetStatus, LineageNode
from lakeflow.core.view.state import asset_states, by_urgency, modified
from tests.core.samples import asset, facts, key, keys, made, project, suite, table

RAW = asset("bronze.raw", reads=("x.csv",))
CLEAN = asset("silver.clean", "bronze.raw")
DAYS = asset("gold.days", "silver.clean")
BUILT = facts(
    table("bronze.raw", made(1, rows=5, reads_digest="d1")),
    table("silver.clean", made(2, inputs={"bronze.raw": 1})),
    table("gold.days", made(3, inputs={"silver.clean": 2})),
    reads={"bronze.raw": "d1"},
)


def statuses(
    *assets: Asset,
    said: Facts = BUILT,
    suites: Mapping[str, Suite] | None = None,
    held: Mapping[AssetKey, tuple[str, ...]] | None = None,
) -> dict[str, AssetStatus]:
    what = project(*assets, suites=suites)
    found = asset_states(plan(what, said, tuple(what.assets)), said, held or {})
    return {str(one.key): found[one.key] for one in assets}


def states(*assets: Asset, said: Facts = BUILT, suites: Mapping[str, Suite] | None = None) -> list[AssetState]:
    return [status.state for status in statuses(*assets, said=said, suites=suites).values()]


def test_an_untouched_lake_is_fresh_and_says_what_stands_on_main() -> None:
    found = statuses(RAW, CLEAN, DAYS)
    assert {status.state for status in found.values()} == {AssetState.FRESH}
    raw = found["bronze.raw"]
    assert (raw.snapshot_id, raw.rows, raw.reasons) == (1, 5, ())
    assert raw.published_at is not None


def test_what_was_never_built_has_nothing_on_main() -> None:
    found = statuses(RAW, said=Facts({}))["bronze.raw"]
    assert (found.state, found.snapshot_id, found.rows) == (AssetState.NEVER_BUILT, None, None)


def test_changed_code_makes_it_and_what_is_made_from_it_stale() -> None:
    found = statuses(RAW, replace(CLEAN, code_version="code-2"), DAYS)
    assert [status.state for status in found.values()] == [AssetState.FRESH, AssetState.STALE, AssetState.STALE]
    assert found["gold.days"].reasons == ("upstream runs: silver.clean",)


def test_a_changed_check_leaves_an_asset_unaudited() -> None:
    assert states(RAW, CLEAN, DAYS, suites={"silver.clean": suite("c2")}) == [
        AssetState.FRESH,
        AssetState.UNAUDITED,
        AssetState.FRESH,
    ]


def test_a_root_that_always_runs_is_not_stale_for_that_nor_is_what_it_would_run() -> None:
    assert states(asset("bronze.raw"), CLEAN, DAYS) == [AssetState.FRESH] * 3


def test_below_a_root_that_always_runs_an_input_that_moved_is_stale() -> None:
    moved = replace(BUILT, tables={**BUILT.tables, key("bronze.raw"): table("bronze.raw", made(1), made(9, 1))})
    assert states(asset("bronze.raw"), CLEAN, DAYS, said=moved) == [
        AssetState.FRESH,
        AssetState.STALE,
        AssetState.STALE,
    ]


def test_a_held_run_needs_a_decision_whatever_else_is_true() -> None:
    found = statuses(RAW, CLEAN, DAYS, held={key("silver.clean"): ("r9",)})["silver.clean"]
    assert (found.state, found.held) == (AssetState.HELD, ("r9",))


def test_what_needs_a_decision_comes_first_and_equals_keep_their_order() -> None:
    made_up = [
        AssetStatus(one, state)
        for one, state in zip(
            keys("gold.a gold.b gold.c gold.d gold.e gold.f"),
            [
                AssetState.FRESH,
                AssetState.STALE,
                AssetState.NEVER_BUILT,
                AssetState.STALE,
                AssetState.UNAUDITED,
                AssetState.HELD,
            ],
            strict=True,
        )
    ]
    assert "".join(status.asset.name for status in by_urgency(made_up)) == "fcbdea"


WIDE = project(
    asset("bronze.raw", reads=("data/*.csv",)),
    asset("silver.left", "bronze.raw"),
    asset("silver.right", "bronze.raw"),
    asset("gold.both", "silver.left silver.right"),
)


def outline(node: LineageNode) -> str:
    """`name*` for a repeated node, with what is above it in brackets."""
    above = f"({' '.join(map(outline, node.upstreams))})" if node.upstreams else ""
    return node.status.asset.name + "*" * node.repeated + above


def lineage_of(*selected: str) -> list[str]:
    said = {one: AssetStatus(one, AssetState.FRESH) for one in WIDE.assets}
    return [outline(tree) for tree in trees(WIDE, said, keys(" ".join(selected)))]


def test_lineage_reads_from_the_result_down_to_its_sources() -> None:
    assert lineage_of("gold.both") == ["both(left(raw) right(raw))"]


def test_a_selected_asset_inside_anothers_tree_gets_no_tree_of_its_own() -> None:
    assert lineage_of("silver.left", "gold.both") == ["both(left(raw) right(raw))"]


def test_what_stands_in_a_tree_already_is_repeated_without_its_upstreams() -> None:
    deep = project(*WIDE.assets.values(), asset("gold.top", "silver.left gold.both"))
    said = {one: AssetStatus(one, AssetState.FRESH) for one in deep.assets}
    assert [outline(tree) for tree in trees(deep, said, keys("gold.top"))] == [
        "top(both(left(raw) right(raw)) left*)",
    ]


def test_several_results_have_a_tree_each_and_a_root_shows_its_files() -> None:
    assert lineage_of("silver.right", "silver.left") == ["right(raw)", "left(raw)"]
    said = {one: AssetStatus(one, AssetState.FRESH) for one in WIDE.assets}
    assert trees(WIDE, said, keys("bronze.raw"))[0].sources == ("data/*.csv",)


def test_what_holds_personal_data_and_all_that_is_made_from_it_is_personal() -> None:
    assert personal(WIDE) == frozenset()
    holder = replace(WIDE.assets[key("silver.left")], columns={"email": Column(pii=True)})
    assert personal(project(*({**WIDE.assets, holder.key: holder}).values())) == set(keys("silver.left gold.both"))


def test_lineage_follows_the_snapshots_that_were_recorded_not_those_that_are_main_now() -> None:
    raw = table("bronze.raw", made(1), made(2))
    left = table("silver.left", made(3, inputs={"bronze.raw": 1}))
    facts = Facts({one.key: one for one in (raw, left)})
    said = {one: AssetStatus(one, AssetState.FRESH) for one in WIDE.assets}
    said[left.key] = AssetStatus(left.key, AssetState.STALE, snapshot_id=3)
    (tree,) = with_snapshots(trees(WIDE, said, keys("silver.left")), facts)
    assert (tree.used, tree.upstreams[0].used) == (3, 1)


def test_modified_is_what_was_never_built_and_whose_code_or_checks_are_not_the_published_ones() -> None:
    """Also where the plan names another reason only: a root that always runs, an input that moved."""
    always, late = asset("bronze.raw"), asset("silver.late", "bronze.raw")
    assets = (replace(always, code_version="code-1"), replace(CLEAN, code_version="code-2"), DAYS, late)
    said = facts(
        table("bronze.raw", made(1), made(4, 1)),
        table("silver.clean", made(2, inputs={"bronze.raw": 1})),
        table("gold.days", made(3, inputs={"silver.clean": 2})),
    )
    assert modified(project(*assets), said) == set(keys("silver.clean silver.late"))
    assert modified(project(*assets, suites={"bronze.raw": suite("new")}), said) == set(
        keys("bronze.raw silver.clean silver.late")
    )


def test_code_that_only_a_new_fingerprint_algorithm_names_anew_is_not_modified() -> None:
    renamed = replace(BUILT, renamed_code={"code-1": "code-new"})
    assert modified(project(replace(CLEAN, code_version="code-new")), renamed) == set()
