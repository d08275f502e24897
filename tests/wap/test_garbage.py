"""Garbage is removed a table at a time, each under its lease; what cannot be leased or read is left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from lakeflow import wap
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Lease
from lakeflow.core.model.table import Garbage
from tests.core.samples import key
from tests.memory import MemoryCatalog
from tests.wap.doubles import Ticking
from tests.wap.lab import Lab

REMAINS = Garbage(None, {"/old": 1}, total=1)


@dataclass
class Littered:
    """A warehouse with garbage: what there is, what was asked, and what was removed."""

    found: dict[AssetKey, Garbage] = field(default_factory=dict)
    asked: list[tuple[AssetKey | None, datetime]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    removed: list[Garbage] = field(default_factory=list)


class LitteredCatalog(MemoryCatalog):
    def __init__(self, litter: Littered) -> None:
        super().__init__(Ticking())
        self.litter = litter

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        self.litter.asked.append((key, before))
        if key not in self.litter.found:
            raise LakeError("its metadata is damaged")
        return self.litter.found[key]

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        self.litter.asked.append((None, before))
        self.litter.dropped = [str(one.key) for one in dropped]
        return REMAINS if dropped else Garbage(None)

    def collect(self, garbage: Garbage) -> None:
        self.litter.removed.append(garbage)


A, B, C = (Garbage(key(name), {f"/{name}": 1}, total=10) for name in ("bronze.a", "silver.b", "gold.c"))


@pytest.fixture
def litter() -> Littered:
    return Littered({one.key: one for one in (A, B, C) if one.key})


@pytest.fixture
def lab(litter: Littered) -> Lab:
    made = Lab(LitteredCatalog(litter))
    made.define("bronze.a", [1, 2], reads=("a.csv",))
    made.define("silver.b", lambda rows: rows["bronze.a"], "bronze.a")
    made.define("gold.c", lambda rows: rows["silver.b"], "silver.b")
    made.materialize()
    return made


def before(lab: Lab) -> datetime:
    return lab.clock() - timedelta(days=7)


def at_work(lab: Lab, name: str) -> None:
    lab.ledger.acquire(Lease("r9", "token", frozenset({key(name)}), lab.holder))


def without(lab: Lab, name: str) -> None:
    """Dropped: no asset defines it, and no table of its name is left."""
    del lab.assets[key(name)]
    wap.drop(lab.world, key(name))


def test_a_look_names_the_garbage_of_each_table_in_order_and_of_dropped_ones_and_removes_none(
    lab: Lab, litter: Littered
) -> None:
    then = before(lab)
    assert wap.garbage(lab.world, then) == (A, C, B, Garbage(None))
    assert litter.asked == [*((one.key, then) for one in (A, C, B)), (None, then)]
    assert litter.removed == []
    without(lab, "gold.c")
    assert wap.garbage(lab.world, then) == (A, B, REMAINS)
    assert litter.dropped == ["gold.c"]


def test_a_collection_removes_what_a_look_names(lab: Lab, litter: Littered) -> None:
    then = before(lab)
    assert wap.collect_garbage(lab.world, then, 1.0) == (A, C, B, Garbage(None))
    assert litter.removed == [A, C, B]
    assert {at for _, at in litter.asked} == {then}
    without(lab, "gold.c")
    litter.removed.clear()
    assert wap.collect_garbage(lab.world, then, 1.0) == (A, B, REMAINS)
    assert litter.removed == [A, B, REMAINS]
    assert litter.dropped == ["gold.c"]
    assert {at for _, at in litter.asked} == {then}


def test_no_lease_stays_behind(lab: Lab) -> None:
    without(lab, "gold.c")
    wap.collect_garbage(lab.world, before(lab), 1.0)
    assert not lab.ledger.standing().held


def test_nothing_is_removed_where_it_would_be_more_than_the_share(lab: Lab, litter: Littered) -> None:
    with pytest.raises(UsageError):
        wap.collect_garbage(lab.world, before(lab), 0.05)
    assert litter.removed == []
    wap.collect_garbage(lab.world, before(lab), 0.1)
    assert litter.removed == [A, C, B]


def test_a_table_at_work_is_left_for_another_time_and_the_others_are_not(lab: Lab, litter: Littered) -> None:
    at_work(lab, "silver.b")
    left = Garbage(B.key, kept="a run is at work on it")
    assert wap.collect_garbage(lab.world, before(lab), 1.0) == (A, C, left, Garbage(None))
    assert litter.removed == [A, C]


def test_a_table_that_cannot_be_read_or_told_is_left_alone_and_named(lab: Lab, litter: Littered) -> None:
    del litter.found[key("gold.c")]
    litter.found[key("silver.b")] = told = replace(B, kept="others use it")
    said = "it cannot be read; `lakeflow doctor` says why (its metadata is damaged)"
    unread = Garbage(C.key, kept=said)
    then = before(lab)
    assert wap.garbage(lab.world, then) == (A, unread, told, Garbage(None))
    assert wap.collect_garbage(lab.world, then, 1.0) == (A, unread, told, Garbage(None))
    assert litter.removed == [A]


@pytest.mark.parametrize("name", ["silver.b", "gold.c"])
def test_remains_wait_for_every_run_so_that_none_adopts_them_meanwhile(lab: Lab, litter: Littered, name: str) -> None:
    without(lab, "gold.c")
    at_work(lab, name)
    assert wap.collect_garbage(lab.world, before(lab), 1.0)[-1] == Garbage(None, kept="a run is at work")
    assert REMAINS not in litter.removed


def test_each_table_is_leased_for_itself_under_a_name_of_its_own(lab: Lab) -> None:
    without(lab, "gold.c")
    seen: list[tuple[str, list[str]]] = []

    def look() -> None:
        held = lab.ledger.standing().held
        seen.extend((run, sorted(str(one.asset) for one in held)) for run in {one.run for one in held})

    lab.gate(_at("catalog.collect>", look))
    wap.collect_garbage(lab.world, before(lab), 1.0)
    assert [assets for _, assets in seen] == [["bronze.a"], ["silver.b"], ["bronze.a", "gold.c", "silver.b"]]
    assert all(run.startswith("gc-r") for run, _ in seen)
    assert len({run for run, _ in seen}) == 3


def _at(call: str, act: Callable[[], None]) -> Callable[[str], None]:
    return lambda passed: act() if passed == call else None


def test_a_warehouse_of_another_lake_is_refused_before_anything_is_looked_at(lab: Lab, litter: Littered) -> None:
    def refuse() -> None:
        raise LakeError("it belongs to another lake")

    with pytest.raises(LakeError):
        wap.collect_garbage(replace(lab.world, claim=refuse), before(lab), 1.0)
    assert litter.asked == []
