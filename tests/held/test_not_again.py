"""A step that would only repeat what a run holds is not done again, and whatever might change its outcome is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model.changes import Discard
from lakeflow.core.ports.entry import UNRECORDED
from tests.external.lab import ids, make, opened
from tests.held.shop import BAD, FILES, branches, deliver, edit, run, run_ids, states


@pytest.mark.long
def test_an_hourly_run_leaves_what_is_held_alone_and_makes_no_run_no_branch_and_no_snapshot(held: Path) -> None:
    with opened(held) as lake:
        before = run_ids(lake), lake.snapshots("silver.orders"), lake.snapshots("bronze.orders")
        (first,) = lake.waiting()
    for _ in range(5):
        found, left = run(held)
        assert found is None
        assert left["silver.orders"].run == first.id
        assert left["silver.orders"].why.startswith("held since ")
        assert left["silver.orders"].why.endswith(f"by run {first.id}, nothing changed")
        assert left["gold.sales"].why == f"waits for silver.orders, which run {first.id} holds"
    with opened(held) as lake:
        assert (run_ids(lake), lake.snapshots("silver.orders"), lake.snapshots("bronze.orders")) == before


@pytest.mark.long
def test_other_assets_still_run_and_publish(held: Path) -> None:
    deliver(held, "people/2.csv", "id,name\n2,Bob\n")
    found, left = run(held)
    assert states(found) == {
        "bronze.people": "published", "silver.people": "published", "gold.heads": "published",
    }  # fmt: skip
    assert set(left) == {"silver.orders", "gold.sales"}
    assert run(held)[0] is None


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data/orders/3.csv", "id,total\n3,7\n"),
        (
            "layers/silver/orders.sql",
            '/*\nkey = ["id"]\n*/\nselect distinct id, total + 0 as total from bronze.orders\n',
        ),
        ("checks/silver/orders.positive.sql", "select id from silver.orders where total < -1\n"),
        ("checks/silver/orders.known.sql", "select id from silver.orders where id is null\n"),
    ],
    ids=["input", "code", "check", "one check more"],
)
def test_other_inputs_code_or_checks_are_tried_and_take_the_place_of_what_was_held(
    held: Path, name: str, text: str
) -> None:
    edit(held, name, text)
    with opened(held) as lake:
        (old,) = lake.waiting()
    found, left = run(held)
    assert states(found)["silver.orders"] == "held"
    assert left == {}
    assert found is not None
    with opened(held) as lake:
        assert lake.run(old.id).state == "superseded"
        assert [each.id for each in lake.waiting()] == [found.id]
        assert lake.status().waiting == tuple(lake.waiting()), "read with how assets stand, of one moment"
        (status,) = lake.status("silver.orders")
        assert status.held == (found.id,)
    assert run(held)[0] is None
    assert branches(held) == {old.branch, found.branch}


@pytest.mark.long
def test_force_and_retry_do_it_again(held: Path) -> None:
    with opened(held) as lake:
        (old,) = lake.waiting()
        assert states(lake.retry(old.id))["silver.orders"] == "held"
    assert run(held)[0] is None
    found, _ = run(held, "silver.orders", force=True)
    assert states(found) == {"silver.orders": "held"}
    with opened(held) as lake:
        assert lake.run(old.id).state == "superseded"


@pytest.mark.long
def test_what_was_discarded_is_tried_again(held: Path) -> None:
    with opened(held) as lake:
        lake.discard(lake.waiting()[0].id)
    found, left = run(held)
    assert states(found) == {"silver.orders": "held", "gold.sales": "skipped"}
    assert left == {}


@pytest.mark.long
def test_a_branch_that_somebody_removed_is_written_again(held: Path) -> None:
    with opened(held) as lake:
        (old,) = lake.waiting()
        (table,) = lake._world.catalog.load(lake.select("silver.orders")).values()
        lake._world.catalog.commit([Discard(table.key, old.branch, table.refs[old.branch])], UNRECORDED)
    assert states(run(held)[0])["silver.orders"] == "held"


@pytest.mark.long
def test_a_first_build_that_is_held_holds_what_would_be_made_from_it(tmp_path: Path) -> None:
    make(tmp_path, {**FILES, "data/orders/1.csv": BAD})
    found, _ = run(tmp_path)
    assert states(found)["gold.sales"] == "skipped"
    again, left = run(tmp_path)
    assert again is None
    assert set(left) == {"silver.orders", "gold.sales"}
    with opened(tmp_path) as lake:
        assert ids(lake, "silver.people") == [1]


@pytest.mark.long
def test_nothing_is_published_where_all_or_nothing_is_asked_and_one_is_held(held: Path) -> None:
    deliver(held, "people/2.csv", "id,name\n2,Bob\n")
    found, left = run(held, all_or_nothing=True)
    assert found is None
    assert left["silver.people"].why.startswith("all or nothing: silver.orders is held by run ")


@pytest.mark.long
def test_what_only_a_sibling_held_is_published_once_nobody_asks_for_all_or_nothing(tmp_path: Path) -> None:
    make(tmp_path, {**FILES, "data/orders/1.csv": BAD})
    first, _ = run(tmp_path, all_or_nothing=True)
    assert states(first)["silver.people"] == "held"
    assert run(tmp_path, all_or_nothing=True)[0] is None
    found, left = run(tmp_path)
    assert states(found)["silver.people"] == "published"
    assert set(left) == {"silver.orders", "gold.sales"} - set(states(found))


@pytest.mark.long
def test_a_root_that_always_runs_does_not_make_what_is_held_again(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.lakeflow]\n",
        "layers/silver/a.sql": '/*\nkey = ["id"]\n*/\nselect -1 as id\n',
        "layers/gold/b.sql": "select id from silver.a\n",
        "checks/gold/b.no.sql": "select id from gold.b where id < 0\n",
    }
    make(tmp_path, files)
    first, _ = run(tmp_path)
    assert first is not None
    assert states(first) == {"silver.a": "published", "gold.b": "held"}
    for _ in range(2):
        found, _ = run(tmp_path)
        assert states(found) == {"silver.a": "unchanged", "gold.b": "skipped"}
        assert found is not None
        assert found.steps[1].reason.endswith(f"by run {first.id}, nothing changed")
        assert found.state == "held"
    assert branches(tmp_path, "gold.b") == {first.branch}
    with opened(tmp_path) as lake:
        assert [each.id for each in lake.waiting()] == [first.id]


@pytest.mark.long
def test_main_that_fails_new_checks_is_audited_once(tmp_path: Path) -> None:
    make(tmp_path, FILES)
    run(tmp_path)
    edit(tmp_path, "checks/silver/orders.small.sql", "select id from silver.orders where total > 1\n")
    first, _ = run(tmp_path)
    assert states(first) == {"silver.orders": "held"}
    again, left = run(tmp_path)
    assert again is None
    assert set(left) == {"silver.orders"}
    edit(tmp_path, "checks/silver/orders.small.sql", "select id from silver.orders where total > 100\n")
    assert states(run(tmp_path)[0]) == {"silver.orders": "audited"}
    with opened(tmp_path) as lake:
        assert first is not None
        assert lake.run(first.id).state == "superseded"
