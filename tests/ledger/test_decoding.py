"""A row of the ledger becomes a record whose every field has its type, or none at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from lakeflow.adapters.ledger.decoding import UnfitError, made
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.run import Ruling, VerdictRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "ordinal": 7,
    "asset": "gold.a",
    "snapshot_id": 9_223_372_036_854_775_807,
    "ruling": "publish",
    "run": "r1",
    "attempt": 1,
    "at": NOW.isoformat(),
    "inputs": '{"silver.b": 5}',
    "looked_at": "{}",
}


def verdict(**other: Any) -> VerdictRecord:
    row = GOOD | other
    return made(VerdictRecord, tuple(row), tuple(row.values()), {})


def test_a_row_is_read_as_its_fields_say() -> None:
    key = AssetKey.parse("gold.a")
    assert verdict() == VerdictRecord(key, 2**63 - 1, Ruling.PUBLISH, "r1", 1, NOW, inputs={"silver.b": 5})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("asset", "platin.a"),
        ("asset", None),
        ("snapshot_id", "1"),
        ("snapshot_id", None),
        ("snapshot_id", 1.5),
        ("ruling", "perhaps"),
        ("run", 5),
        ("run", b"r1"),
        ("at", "tomorrow"),
        ("at", 3),
        ("inputs", "{"),
        ("inputs", "[]"),
        ("inputs", "[1]"),
        ("inputs", '{"silver.b": "5"}'),
        ("inputs", None),
        ("looked_at", "5"),
    ],
)
def test_a_value_of_another_type_is_told_by_its_field(name: str, value: object) -> None:
    with pytest.raises(UnfitError) as caught:
        verdict(**{name: value})
    assert caught.value.name == name
    assert str(caught.value) == name


def test_a_column_that_is_lacking_is_told_by_its_field() -> None:
    with pytest.raises(UnfitError) as caught:
        made(VerdictRecord, ("asset",), ("gold.a",), {})
    assert caught.value.name == "snapshot_id"


@dataclass(frozen=True)
class Sample:
    name: str
    share: float = 0.0
    is_told: bool = False
    rows: int | None = None
    said: tuple[dict[str, str | None], ...] = ()
    kinds: frozenset[Ruling] = frozenset()
    anything: Any = None
    evidence: Mapping[str, Any] = EMPTY


def test_what_a_database_and_json_lack_is_made_of_what_they_have() -> None:
    row = {"name": "a", "share": 1, "is_told": 1, "rows": None, "said": '[{"x": null}]', "kinds": '["hold"]'}
    found = made(Sample, tuple(row), tuple(row.values()), {})
    assert found == Sample("a", 1.0, is_told=True, said=({"x": None},), kinds=frozenset({Ruling.HOLD}))
    assert isinstance(found.share, float)
    assert found.is_told is True


def test_what_is_no_lack_is_read_as_it_stands() -> None:
    row = {"name": "a", "is_told": 0, "rows": 3, "said": '[{"x": "7"}]', "anything": (5,), "evidence": '{"a": [1]}'}
    found = made(Sample, tuple(row), tuple(row.values()), {})
    assert found == Sample("a", rows=3, said=({"x": "7"},), anything=(5,), evidence={"a": [1]})
    assert found.is_told is False


def test_an_empty_map_takes_no_room_of_its_own() -> None:
    assert made(Sample, ("name", "evidence"), ("a", "{}"), {}).evidence is EMPTY


def test_what_is_given_stays_as_it_is_and_a_column_that_is_no_field_is_left_out() -> None:
    found = made(Sample, ("rows", "other", "share"), (3, b"odd", "one"), {"name": "a", "share": 5})
    assert (found.name, found.rows, found.share) == ("a", 3, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rows", "3"),
        ("is_told", 2),
        ("share", "1"),
        ("said", '["x"]'),
        ("said", '[{"x": 5}]'),
        ("kinds", '["no"]'),
    ],
)
def test_truth_numbers_and_what_lies_in_lists_are_judged_too(name: str, value: object) -> None:
    with pytest.raises(UnfitError) as caught:
        made(Sample, ("name", name), ("a", value), {})
    assert caught.value.name == name
