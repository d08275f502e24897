"""A declared foreign key finds rows whose value stands in no row of the dimension, and never passes by not looking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.model import AssetKey, Column, ForeignKey, Outcome, Suite
from lakeflow.core.ports import AuditRequest
from lakeflow.core.runs import CheckResult

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


def test_a_dimension_may_refer_to_its_own_rows(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, CARRIERS, code=("string", ["AA", "UA"]), parent=("string", ["UA", "XX"]))
    own = replace(request(scan), suite=Suite(foreign_keys=(ForeignKey("parent", CARRIERS, "code"),)))
    assert found(own).failed_rows == 1
