"""A declared foreign key finds rows whose value stands in no row of the dimension, and never passes by not looking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import ForeignKey, Outcome, Suite
from lakeflow.core.model.run import CheckResult
from lakeflow.core.run.audits.audit_request import AuditRequest

from .lake import audit, request, scan_of

CARRIERS = AssetKey.parse("gold.carriers")
FLIGHTS = AssetKey.parse("gold.flights")
FOREIGN = ForeignKey("carrier", CARRIERS, "code")


def asked(
    directory: Path, carriers: Sequence[str | None], known: Sequence[str | None], type_: str = "string"
) -> AuditRequest:
    flights = scan_of(directory, FLIGHTS, id=("int", list(range(len(carriers)))), carrier=("string", carriers))
    dimension = scan_of(directory, CARRIERS, code=(type_, known))
    suite = Suite(foreign_keys=(FOREIGN,))
    return replace(request(flights, primary_key=("id",), relations={str(CARRIERS): dimension}), suite=suite)


def found(request_: AuditRequest) -> CheckResult:
    return next(result for result in audit(request_) if result.name.startswith("foreign key"))


def test_rows_that_refer_to_nothing_are_counted_and_shown_with_their_key(tmp_path: Path) -> None:
    result = found(asked(tmp_path, ["AA", "ZZ", "ZZ", "UA"], ["AA", "UA"]))
    assert (result.name, result.outcome) == ("foreign key carrier in gold.carriers", Outcome.FAILED)
    assert (result.failed_rows, result.rows) == (2, 4)
    assert result.detail == "2 of 4 rows (50%)"
    assert sorted(str(sample["id"]) for sample in result.samples) == ["1", "2"]


def test_null_refers_to_nothing_and_a_null_in_the_dimension_hides_no_orphan(tmp_path: Path) -> None:
    """With NOT IN the one NULL would let every row pass."""
    result = found(asked(tmp_path, ["AA", None, "ZZ"], ["AA", None]))
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.FAILED, 1, 2)


def test_every_value_found_has_passed(tmp_path: Path) -> None:
    result = found(asked(tmp_path, ["AA", "UA"], ["UA", "AA", "B6"]))
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.PASSED, 0, 2)


@pytest.mark.parametrize("carriers", [[], [None, None]], ids=["no row", "no value"])
def test_a_key_without_values_was_not_looked_at(tmp_path: Path, carriers: list[str | None]) -> None:
    asked_ = asked(tmp_path, carriers, ["AA"])
    assert found(asked_).outcome is Outcome.ERRORED
    assert found(replace(asked_, allow_empty=True)).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"relations": {}}, "gold.carriers was never built; `lakeflow materialize gold.carriers` builds it"),
        (
            {"suite": Suite(foreign_keys=(ForeignKey("carier", CARRIERS, "code"),))},
            "gold.flights has no column 'carier'; did you mean 'carrier'?",
        ),
    ],
)
def test_a_key_that_cannot_be_looked_up_is_errored(tmp_path: Path, change: dict[str, Any], detail: str) -> None:
    result = found(replace(asked(tmp_path, ["AA"], ["AA"]), **change))
    assert (result.outcome, result.detail) == (Outcome.ERRORED, detail)


def test_types_that_do_not_compare_are_errored(tmp_path: Path) -> None:
    dimension = scan_of(tmp_path, CARRIERS, code=("boolean", [True]))
    result = found(replace(asked(tmp_path, ["AA"], ["AA"]), relations={str(CARRIERS): dimension}))
    assert result.outcome is Outcome.ERRORED


@pytest.mark.parametrize("side", ["fact", "dimension"])
def test_a_personal_key_shows_no_value(tmp_path: Path, side: str) -> None:
    asked_ = asked(tmp_path, ["Ada", "Grace"], ["Ada"])
    secret = {"columns": {"carrier": Column(pii=True)}} if side == "fact" else {"pii": frozenset({"code"})}
    result = found(replace(asked_, **secret))
    assert result.failed_rows == 1
    assert "Grace" not in str(result)


OPENED = ForeignKey("carrier", CARRIERS, "code", at="day")


def of_a_history(directory: Path, *flights: tuple[str | None, date | None], type_: str = "date") -> AuditRequest:
    """A carrier has flown since January the 2nd, under another name since the 5th, and not from the 9th on."""
    rows = {"id": ("int", list(range(len(flights))))}
    carriers, days = zip(*flights, strict=True)
    fact = scan_of(directory, FLIGHTS, **rows, carrier=("string", carriers), day=("date", days))
    moments = [[None if n is None else JANUARY[type_](n) for n in ends] for ends in ((2, 5), (5, 9))]
    dimension = scan_of(
        directory, CARRIERS, code=("string", ["AA", "AA"]), valid_from=(type_, moments[0]), valid_to=(type_, moments[1])
    )
    suite = Suite(foreign_keys=(OPENED,))
    return replace(request(fact, primary_key=("id",), relations={str(CARRIERS): dimension}), suite=suite)


JANUARY: dict[str, Callable[[int], date]] = {
    "date": lambda n: date(2013, 1, n),
    "timestamp": lambda n: datetime(2013, 1, n),
    "timestamptz": lambda n: datetime(2013, 1, n, tzinfo=UTC),
}


@pytest.mark.parametrize("type_", list(JANUARY))
def test_a_version_of_a_history_must_have_held_when_the_fact_happened(tmp_path: Path, type_: str) -> None:
    """Its intervals are half open: the day on which one ends is the next one's."""
    days = [("AA", date(2013, 1, day)) for day in (1, 2, 4, 5, 8, 9)]
    result = found(of_a_history(tmp_path, *days, ("AA", None), (None, date(2013, 1, 1)), type_=type_))
    assert result.name == "foreign key carrier in gold.carriers at day"
    assert (result.failed_rows, result.rows) == (2, 6)
    assert sorted((sample["carrier"], sample["day"]) for sample in result.samples) == [
        ("AA", "2013-01-01"),
        ("AA", "2013-01-09"),
    ]


def test_a_version_without_an_end_holds_for_ever(tmp_path: Path) -> None:
    asked_ = of_a_history(tmp_path, ("AA", date(2999, 1, 1)))
    open_ended = scan_of(
        tmp_path, CARRIERS, code=("string", ["AA"]), valid_from=("date", [date(2013, 1, 2)]), valid_to=("date", [None])
    )
    assert found(replace(asked_, relations={str(CARRIERS): open_ended})).outcome is Outcome.PASSED


def test_a_moment_that_the_fact_does_not_have_is_errored(tmp_path: Path) -> None:
    suite = Suite(foreign_keys=(replace(OPENED, at="dey"),))
    result = found(replace(of_a_history(tmp_path, ("AA", date(2013, 1, 2))), suite=suite))
    assert (result.outcome, result.detail) == (
        Outcome.ERRORED,
        "gold.flights has no column 'dey'; did you mean 'day'?",
    )


def test_a_dimension_may_refer_to_its_own_rows(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, CARRIERS, code=("string", ["AA", "UA"]), parent=("string", ["UA", "XX"]))
    own = replace(request(scan), suite=Suite(foreign_keys=(ForeignKey("parent", CARRIERS, "code"),)))
    assert found(own).failed_rows == 1
