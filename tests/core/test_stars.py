"""A fact and a dimension say what they are, and what they say can be audited."""

from __future__ import annotations

from typing import Any, Final

import pytest

from lakeflow.core.declare.declaration import read_declaration
from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.declare.star_schema import star_faults
from lakeflow.core.model.asset import AssetKind, SqlCode
from tests.core.samples import key, keys

CARRIERS: Final[dict[str, Any]] = {"kind": "dimension", "key": ["carrier"]}
FLIGHTS: Final[dict[str, Any]] = {"kind": "fact", "key": ["id"], "foreign_keys": {"carrier": "gold.carriers.carrier"}}


def draft(name: str, upstreams: str = "", **fields: Any) -> AssetDraft:
    declaration, flaws = read_declaration(fields)
    assert not flaws
    inputs = {str(each): each for each in keys(upstreams)}
    return AssetDraft(
        key(name), declaration, SqlCode("", f"layers/{name}.sql", 1), inputs, {"foreign_keys": 5, "kind": 3}
    )


def told(*drafts: AssetDraft, lost: str = "") -> list[str]:
    return [f"{fault.line}: {fault.message} | {fault.hint}" for fault in star_faults(drafts, frozenset(keys(lost)))]


def test_a_star_in_order_has_no_fault() -> None:
    assert told(draft("gold.carriers", **CARRIERS), draft("gold.flights", **FLIGHTS)) == []


def test_a_dimension_may_refer_to_another_and_to_itself() -> None:
    parent = {**CARRIERS, "foreign_keys": {"parent": "gold.carriers.Carrier"}}
    assert told(draft("gold.carriers", **parent)) == []


@pytest.mark.parametrize(
    ("faulty", "expected"),
    [
        (
            draft("silver.flights", kind="fact", key=["id"]),
            "3: silver.flights is silver, and only gold has facts and dimensions"
            " | drop kind, or move the asset to layers/gold/",
        ),
        (
            draft("gold.days", kind="dimension"),
            '3: gold.days is a dimension and declares no key | its grain is its key: key = ["id"]',
        ),
        (
            draft("gold.flights", kind="fact", key=["id"]),
            "3: gold.flights is a fact and has no foreign keys"
            ' | name its dimensions: foreign_keys = {carrier = "gold.carriers.carrier"}',
        ),
        (
            draft("gold.delays", foreign_keys={"carrier": "gold.carriers.carrier"}),
            '5: gold.delays is a mart and has foreign keys | say kind = "fact" or kind = "dimension"',
        ),
        (
            draft("gold.flights", **{**FLIGHTS, "foreign_keys": {"carrier": "gold.carrier.carrier"}}),
            "5: gold.flights refers to gold.carrier, which is not defined | did you mean 'gold.carriers'?",
        ),
        (
            draft("gold.flights", **{**FLIGHTS, "foreign_keys": {"carrier": "gold.carriers.name"}}),
            "5: name is not the key of gold.carriers"
            " | its key is (carrier); a fact that refers to anything else can meet several rows of it",
        ),
        (
            draft("gold.flights", **{**FLIGHTS, "foreign_keys": {"day": "gold.daily.day"}}),
            '5: gold.flights refers to gold.daily, which is no dimension | say kind = "dimension" in gold.daily,'
            " or refer to another",
        ),
    ],
    ids=lambda value: str(value.key) if isinstance(value, AssetDraft) else "",
)
def test_every_law_of_a_star_says_what_to_type(faulty: AssetDraft, expected: str) -> None:
    others = [draft("gold.carriers", **CARRIERS), draft("gold.daily", key=["day"])]
    assert told(*others, faulty) == [expected]


AIRPORTS: Final[dict[str, Any]] = {"kind": "dimension", "key": ["airport"], "write": "scd2"}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("gold.airports.airport at day", []),
        (
            "gold.airports.airport",
            [
                "5: gold.airports keeps versions (scd2), so gold.flights can meet several rows of it"
                ' | say when the fact happened: dest = "gold.airports.airport at <column>"'
            ],
        ),
        (
            "gold.carriers.carrier at day",
            [
                "5: gold.flights refers to gold.carriers at a moment, and it keeps no versions (scd2)"
                ' | drop " at day", or keep one: write = "scd2" in gold.carriers'
            ],
        ),
    ],
)
def test_a_fact_refers_to_a_history_at_a_moment_and_to_nothing_else_so(target: str, expected: list[str]) -> None:
    """One row of the fact then meets one row of the dimension."""
    fact = draft("gold.flights", **{**FLIGHTS, "foreign_keys": {"dest": target}})
    assert told(draft("gold.airports", **AIRPORTS), draft("gold.carriers", **CARRIERS), fact) == expected


def test_a_fact_cannot_wait_for_a_dimension_that_is_made_from_it() -> None:
    dimension = draft("gold.carriers", "gold.flights", **CARRIERS)
    assert told(dimension, draft("gold.flights", **FLIGHTS)) == [
        "5: gold.flights refers to gold.carriers, which is made from it"
        " | make gold.carriers from what gold.flights is made from"
    ]


def test_a_dimension_that_cannot_be_read_is_not_told_missing() -> None:
    assert told(draft("gold.flights", **FLIGHTS), lost="gold.carriers") == []


def test_a_kind_or_key_that_cannot_be_read_is_a_flaw_of_its_field() -> None:
    declaration, flaws = read_declaration({"kind": "facts", "foreign_keys": {"carrier": "carriers"}})
    assert declaration.kind is None
    assert [(flaw.field, flaw.message, flaw.hint) for flaw in flaws] == [
        ("kind", "unknown kind 'facts'", "did you mean 'fact'?"),
        (
            "foreign_keys",
            "'carriers' is not gold.name.column",
            'write foreign_keys = {carrier = "gold.carriers.carrier"}, a dict in Python',
        ),
    ]


def test_gold_is_a_mart_only_where_nothing_else_is_said() -> None:
    assert list(AssetKind) == ["dimension", "fact", "mart"]
