"""A newer attempt takes the place of what older runs hold, in the transaction that ends it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakeflow.core.care.supersede import superseded
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState
from tests.cli.process import lakeflow as command
from tests.external.lab import opened
from tests.held.shop import branches, deliver, edit, run, states

AT = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = (AssetKey.parse(f"silver.{name}") for name in "abc")


def one(name: str, state: RunState, *steps: StepRecord) -> RunRecord:
    return RunRecord(name, state, AT, ended_at=AT, steps=steps)


def held(key: AssetKey, snapshot: int | None = 1, **more: object) -> StepRecord:
    return StepRecord(key, state=StepState.HELD, snapshot_id=snapshot, **more)  # type: ignore[arg-type]


def test_a_run_that_keeps_nothing_open_is_superseded_and_what_it_skipped_with_it() -> None:
    old = one("x", RunState.HELD, held(A), StepRecord(B, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.HELD, held(A, 2), StepRecord(B, state=StepState.SKIPPED)), {A})
    assert left is not None
    assert (left.state, left.reason) == (RunState.SUPERSEDED, "superseded by run y")
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.SUPERSEDED]


def test_what_an_older_run_skipped_can_be_retried_while_no_newer_run_has_a_step_for_it() -> None:
    old = one("x", RunState.HELD, held(A), StepRecord(B, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.HELD, held(A, 2)), {A})
    assert left is not None
    assert left.state is RunState.HELD
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.SKIPPED]


def test_what_the_newer_run_did_not_write_stays_held() -> None:
    old = one("x", RunState.HELD, held(A), held(B), StepRecord(C, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.PUBLISHED, StepRecord(A, state=StepState.PUBLISHED, snapshot_id=2)), {A})
    assert left is not None
    assert left.state is RunState.HELD
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.HELD, StepState.SKIPPED]


def test_what_was_made_from_a_superseded_snapshot_goes_with_it() -> None:
    old = one("x", RunState.HELD, held(A, 1), held(B, 2, inputs={str(A): 1}), held(C, 3, inputs={str(B): 2}))
    left = superseded(old, one("y", RunState.HELD, held(A, 9)), {A})
    assert left is not None
    assert left.state is RunState.SUPERSEDED


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (held(A, None), held(A)),
        (StepRecord(A, state=StepState.ERRORED), held(A)),
        (StepRecord(A, state=StepState.SKIPPED), held(A)),
        (StepRecord(A, Action.AUDIT, state=StepState.AUDITED, snapshot_id=1), held(A)),
        (held(A, 2, partitions=("2026-01",)), held(A, 1, partitions=("2026-02",))),
        (held(A, 2, inputs={"silver.a__quarantine": 5}), held(A)),
        (held(A, 2), held(A, 1, inputs={"silver.a__quarantine": 5})),
        (held(A, 2), StepRecord(A, state=StepState.PUBLISHED, snapshot_id=1)),
        (held(A, 2), StepRecord(A, state=StepState.DISCARDED, snapshot_id=1)),
    ],
    ids=[
        "it waits and wrote nothing", "it errored", "it was skipped", "it only audited main", "other partitions",
        "only readmitted", "the older one readmitted", "published", "discarded",
    ],
)  # fmt: skip
def test_nothing_takes_the_place_of_rows_that_it_does_not_cover(new: StepRecord, old: StepRecord) -> None:
    assert superseded(one("x", RunState.HELD, old), one("y", RunState.HELD, new), {A}) is None


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
