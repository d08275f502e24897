"""A newer attempt takes the place of what older runs hold, in the transaction that ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunState
from tests.cli.process import lakeflow as command
from tests.external.lab import opened
from tests.held.shop import branches, deliver, edit, run, states


@pytest.mark.long
def test_a_superseded_run_is_neither_published_nor_retried_and_says_what_to_type(held: Path) -> None:
    with opened(held) as lake:
        (old,) = lake.waiting()
    deliver(held, "orders/3.csv", "id,total\n3,7\n")
    found, _ = run(held)
    assert found is not None
    with opened(held) as lake:
        for verb in ("publish", "retry"):
            with pytest.raises(
                UsageError, match=f"superseded by run {found.id}: there is nothing to {verb}"
            ) as refused:
                getattr(lake, verb)(old.id)
            assert f"lakeflow {verb} {found.id}" in str(refused.value.hint)
        with pytest.raises(UsageError, match="superseded"):
            lake.publish(old.id, reason="hurry")
        assert lake.discard(old.id).state is RunState.DISCARDED
        assert [each.id for each in lake.waiting()] == [found.id]
    assert branches(held) == {found.branch}


@pytest.mark.long
def test_a_mended_delivery_is_published_and_nothing_is_held_any_more(held: Path) -> None:
    with opened(held) as lake:
        (old,) = lake.waiting()
    edit(
        held,
        "layers/silver/orders.sql",
        '/*\nkey = ["id"]\n*/\nselect distinct id, abs(total) as total from bronze.orders\n',
    )
    found, _ = run(held)
    assert states(found) == {"silver.orders": "published", "gold.sales": "published"}
    with opened(held) as lake:
        assert lake.run(old.id).state is RunState.SUPERSEDED
        assert lake.waiting() == ()
        assert [str(one.state) for one in lake.status()] == ["fresh"] * 6
        assert lake.read("gold.sales").fetchall() == [(15,)]
        assert not [one for one in lake.doctor() if old.id in one.message]


@pytest.mark.long
def test_a_publish_of_an_older_run_supersedes_nothing(held: Path) -> None:
    with opened(held) as lake:
        (old,) = lake.waiting()
    edit(held, "checks/silver/orders.positive.sql", "select id from silver.orders where total < -1\n")
    with opened(held) as lake:
        lake.materialize("silver.orders")
        newer = lake.waiting()[0]
        assert newer.id != old.id
        lake.discard(newer.id)


@pytest.mark.long
def test_the_branch_of_a_superseded_run_stays_for_keep_held_and_then_the_next_run_or_gc_drops_it(held: Path) -> None:
    deliver(held, "orders/3.csv", "id,total\n3,7\n")
    found, _ = run(held)
    assert found is not None
    assert len(branches(held)) == 2
    with opened(held) as lake:
        lake.collect_garbage()
    assert len(branches(held)) == 2
    with opened(held, keep_held="0s") as lake:
        lake.collect_garbage()
    assert branches(held) == {found.branch}
    deliver(held, "orders/4.csv", "id,total\n4,7\n")
    with opened(held, keep_held="0s") as lake:
        newest = lake.materialize()
    assert newest is not None
    deliver(held, "orders/5.csv", "id,total\n5,7\n")
    with opened(held, keep_held="0s") as lake:
        last = lake.materialize()
    assert last is not None
    assert branches(held) == {newest.branch, last.branch}


@pytest.mark.long
def test_several_runs_and_selections_are_discarded_and_retried_by_one_command(held: Path) -> None:
    edit(held, "checks/silver/people.none.sql", "select id from silver.people\n")
    deliver(held, "people/2.csv", "id,name\n2,Bob\n")
    run(held)
    with opened(held) as lake:
        people, orders = lake.waiting()
    which = command("discard", cwd=held)
    assert which.returncode == 2
    assert f"{people.id} (held), {orders.id} (held)" in which.stderr
    again = command("retry", orders.id, people.id, cwd=held)
    assert again.returncode == 1
    assert again.stdout.count("attempt 2") == 2
    part = command("retry", "silver.people", "status:held", cwd=held)
    assert part.stdout.count("attempt 3") == 2
    unknown = command("discard", people.id, "zzzz", cwd=held)
    assert unknown.returncode == 2
    by_asset = command("discard", "silver.*", cwd=held)
    assert by_asset.returncode == 0, by_asset.stderr
    with opened(held) as lake:
        assert [lake.run(each.id).state for each in (orders, people)] == [RunState.DISCARDED] * 2
        assert all(one.held == () for one in lake.status())
