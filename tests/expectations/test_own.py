"""The expectations of our own: other tables, main, and time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan

from .lake import WEATHER, checks, request, scan_of

AIRPORTS = AssetKey.parse("silver.airports")
NOON = datetime(2013, 2, 12, 12, tzinfo=UTC)
Column_ = tuple[str, Sequence[Any]]


def lfx(*lines: str) -> CheckFile:
    head = "import datetime\nfrom lakeflow import expectations as lfx\n"
    head += "from great_expectations.expectations.row_conditions import Column\n"
    return CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"{head}expectations = [{', '.join(lines)}]\n")


def only(results: Sequence[CheckResult]) -> CheckResult:
    (result,) = results
    return result


class Case:
    """The audited table, an older version of it as main, and airports, each given by its columns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.relations: dict[str, Scan] = {}
        self.more: dict[str, Any] = {"at": NOON}
        self.scan = Scan(WEATHER, None, Schema(()))

    def now(self, **columns: Column_) -> Case:
        self.scan = scan_of(self.folder, **columns)
        return self

    def main(self, **columns: Column_) -> Case:
        (self.folder / "main").mkdir()
        self.relations["published.silver.weather"] = scan_of(self.folder / "main", **columns)
        return self

    def unpublished(self) -> Case:
        self.relations["published.silver.weather"] = Scan(WEATHER, None, self.scan.schema)
        return self

    def airports(self, **columns: Column_) -> Case:
        self.relations["silver.airports"] = scan_of(self.folder, AIRPORTS, **columns)
        return self

    def check(self, line: str) -> CheckResult:
        return only(checks(request(self.scan, lfx(line), relations=self.relations, **self.more)))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


FOREIGN_KEY = 'lfx.ExpectForeignKeyToExist(columns="origin", references="silver.airports", referenced_columns="faa")'


def test_a_foreign_key_fails_for_the_rows_that_reference_nothing(case: Case) -> None:
    case.now(id=("int", [1, 2, 3, 4]), origin=("string", ["JFK", "XXX", None, "XXX"]))
    case.airports(faa=("string", ["JFK", "EWR", None])).more["primary_key"] = ("id",)
    result = case.check(FOREIGN_KEY)
    assert (result.name, result.outcome) == ("origin exists in silver.airports faa", Outcome.FAILED)
    assert (result.failed_rows, result.rows) == (2, 3)
    assert result.samples == ({"id": "2", "origin": "XXX"}, {"id": "4", "origin": "XXX"})


def test_a_foreign_key_holds_when_every_row_references_a_row(case: Case) -> None:
    case.now(origin=("string", ["JFK", None])).airports(faa=("string", ["JFK"]))
    result = case.check(FOREIGN_KEY)
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.PASSED, 0, 1)


def test_a_foreign_key_of_several_columns_judges_rows_that_have_all_of_them(case: Case) -> None:
    case.now(origin=("string", ["JFK", "JFK", "EWR"]), hour=("int", [1, 2, None]))
    case.airports(origin=("string", ["JFK", "EWR"]), hour=("int", [1, 3]))
    result = case.check('lfx.ExpectForeignKeyToExist(columns=["origin", "hour"], references="silver.airports")')
    assert (result.failed_rows, result.rows) == (1, 2)
    assert result.name == "(origin, hour) exists in silver.airports"


def test_a_foreign_key_obeys_mostly_and_its_row_condition(case: Case) -> None:
    case.now(id=("int", [1, 2, 3]), origin=("string", ["JFK", "XXX", "YYY"])).airports(faa=("string", ["JFK"]))
    condition = FOREIGN_KEY.replace(")", ', row_condition=Column("id") < 3, mostly=0.5)')
    result = case.check(condition)
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.PASSED, 1, 2)
    assert result.name == "origin exists in silver.airports faa for at least 50% where id < 3"


def test_a_foreign_key_may_reference_its_own_table(case: Case) -> None:
    case.now(id=("int", [1, 2]), parent=("int", [None, 7]))
    result = case.check(
        'lfx.ExpectForeignKeyToExist(columns="parent", references="silver.weather", referenced_columns="id")'
    )
    assert (result.failed_rows, result.rows) == (1, 1)


@pytest.mark.parametrize("origin", [["x"][:0], [None]], ids=["no row", "all null"])
def test_a_foreign_key_that_judged_no_row_has_not_passed(case: Case, origin: list[str | None]) -> None:
    case.now(origin=("string", origin)).airports(faa=("string", ["JFK"]))
    assert case.check(FOREIGN_KEY).outcome is Outcome.ERRORED
    allowed = FOREIGN_KEY.replace(")", ', meta={"lakeflow": {"allow_empty": True}})')
    assert case.check(allowed).outcome is Outcome.PASSED


def test_a_foreign_key_to_a_table_that_was_never_built_is_errored(case: Case) -> None:
    result = case.now(origin=("string", ["JFK"])).check(FOREIGN_KEY)
    assert result.outcome is Outcome.ERRORED
    assert "was never built" in result.detail


def test_personal_keys_are_never_shown(case: Case) -> None:
    case.now(origin=("string", ["canary"])).airports(faa=("string", ["JFK"]))
    case.more["columns"] = {"origin": Column(pii=True)}
    result = case.check(FOREIGN_KEY)
    assert result.outcome is Outcome.FAILED
    assert "canary" not in repr(result)


def test_a_key_of_main_that_is_gone_fails(case: Case) -> None:
    case.now(id=("int", [1, 3])).main(id=("int", [1, 2])).more["primary_key"] = ("id",)
    result = case.check("lfx.ExpectNoKeyToDisappear()")
    assert (result.outcome, result.failed_rows, result.rows) == (Outcome.FAILED, 1, 2)
    assert result.samples == ({"id": "2"},)


def test_keys_of_main_that_are_all_there_pass_and_mostly_forgives(case: Case) -> None:
    case.now(id=("int", [1, 2, 3])).main(id=("int", [1, 2]))
    assert case.check('lfx.ExpectNoKeyToDisappear(columns="id")').outcome is Outcome.PASSED
    case.now(id=("int", [1, 3]))
    assert case.check('lfx.ExpectNoKeyToDisappear(columns="id", mostly=0.5)').outcome is Outcome.PASSED


def test_keys_can_only_disappear_where_a_key_is_known(case: Case) -> None:
    case.now(id=("int", [1])).main(id=("int", [1]))
    result = case.check("lfx.ExpectNoKeyToDisappear()")
    assert (result.outcome, "declares no key" in result.detail) == (Outcome.ERRORED, True)


AGAINST_MAIN = [
    'lfx.ExpectNoKeyToDisappear(columns="id")',
    "lfx.ExpectRowCountToStayNearMain(min_ratio=0.9)",
    'lfx.ExpectColumnDistributionToStayNearMain(column="id", max_distance=0.1)',
]


@pytest.mark.parametrize("line", AGAINST_MAIN)
def test_on_the_first_build_a_comparison_with_main_is_skipped(case: Case, line: str) -> None:
    result = case.now(id=("int", [1])).unpublished().check(line)
    assert (result.outcome, result.detail) == (Outcome.SKIPPED, "nothing is published to compare with")
    assert not result.holds


@pytest.mark.parametrize("line", [AGAINST_MAIN[0], AGAINST_MAIN[2]])
def test_a_column_that_main_has_not_yet_is_not_compared(case: Case, line: str) -> None:
    result = case.now(id=("int", [1])).main(other=("int", [1])).check(line)
    assert (result.outcome, result.detail) == (Outcome.SKIPPED, "main has no column id yet")


@pytest.mark.parametrize(
    ("bounds", "outcome"),
    [
        ("min_change=-1", Outcome.PASSED),
        ("min_change=0", Outcome.FAILED),
        ("max_change=-1", Outcome.PASSED),
        ("max_change=-2", Outcome.FAILED),
        ("min_ratio=0.75", Outcome.PASSED),
        ("min_ratio=0.76", Outcome.FAILED),
        ("max_ratio=0.75", Outcome.PASSED),
        ("max_ratio=0.7", Outcome.FAILED),
    ],
)
def test_the_row_count_stays_within_its_bounds_around_main(case: Case, bounds: str, outcome: Outcome) -> None:
    case.now(id=("int", [1, 2, 3])).main(id=("int", [1, 2, 3, 4]))
    result = case.check(f"lfx.ExpectRowCountToStayNearMain({bounds})")
    assert result.outcome is outcome
    assert result.detail == "found 3 rows, main has 4 (-1, 0.75 ×)"


def test_an_empty_main_has_no_ratio(case: Case) -> None:
    case.now(id=("int", [1])).main(id=("int", []))
    assert case.check("lfx.ExpectRowCountToStayNearMain(min_ratio=0.5)").outcome is Outcome.ERRORED
    assert case.check("lfx.ExpectRowCountToStayNearMain(max_change=1)").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("type_", "newest", "max_age", "outcome"),
    [
        ("timestamp", datetime(2013, 2, 12, 11), '"60 minutes"', Outcome.PASSED),
        ("timestamp", datetime(2013, 2, 12, 11), '"59 minutes"', Outcome.FAILED),
        ("timestamptz", datetime(2013, 2, 12, 11, tzinfo=UTC), "datetime.timedelta(hours=1)", Outcome.PASSED),
        ("timestamptz", datetime(2013, 2, 12, 10, tzinfo=UTC), '"1h"', Outcome.FAILED),
        ("date", datetime(2013, 2, 11).date(), '"36h"', Outcome.PASSED),
        ("date", datetime(2013, 2, 11).date(), '"1 day"', Outcome.FAILED),
        ("timestamp", datetime(2013, 2, 13), '"0s"', Outcome.FAILED),
    ],
)
def test_a_table_is_fresh_when_its_newest_row_is_young(
    case: Case, type_: str, newest: Any, max_age: str, outcome: Outcome
) -> None:
    case.now(at=(type_, [newest, None]))
    assert case.check(f'lfx.ExpectTableToBeFresh(column="at", max_age={max_age})').outcome is outcome


@pytest.mark.parametrize("type_", ["timestamp", "timestamptz", "date"])
def test_a_row_from_the_future_makes_no_stale_table_fresh(case: Case, type_: str) -> None:
    ahead, old = datetime(2099, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC)
    plain = {"timestamp": lambda at: at.replace(tzinfo=None), "timestamptz": lambda at: at, "date": datetime.date}[
        type_
    ]
    case.now(at=(type_, [plain(old), plain(ahead)]))
    result = case.check('lfx.ExpectTableToBeFresh(column="at", max_age="36h")')
    assert result.outcome is Outcome.FAILED
    assert result.detail.startswith("the newest is 2013-02-01")
    assert result.detail.endswith("; 1 value from the future not counted")
    assert case.check('lfx.ExpectTableToBeFresh(column="at", max_age="30 days")').outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "check", ["lfx.ExpectRowCountToStayNearMain(min_ratio=0.5)", "lfx.ExpectNoKeyToDisappear(mostly=0.5)"]
)
def test_of_a_history_only_what_is_current_is_counted(case: Case, check: str) -> None:
    """A delivery that ends most keys leaves as many rows as there were, and nobody would know."""
    case.more["version_key"] = ("id",)
    case.now(id=("int", [1, 2, 3, 4]), is_current=("boolean", [True, False, False, False]))
    case.main(id=("int", [1, 2, 3, 4]), is_current=("boolean", [True] * 4))
    assert case.check(check).outcome is Outcome.FAILED


def test_freshness_wants_a_date_or_a_time_and_a_value(case: Case) -> None:
    result = case.now(at=("int", [1])).check('lfx.ExpectTableToBeFresh(column="at", max_age="1h")')
    assert result.detail == "at is int, neither date nor time"
    result = case.now(at=("date", [None])).check('lfx.ExpectTableToBeFresh(column="at", max_age="1h")')
    assert result.outcome is Outcome.ERRORED


@pytest.mark.parametrize(
    ("contract", "breach"),
    [
        ('{"a": "int", "b": "varchar"}', ""),
        ('{"a": None, "b": "string"}, ordered=True', ""),
        ('{"a": "long", "b": "string"}', "column a is int, promised long"),
        ('{"a": "int"}', "column b is not in the contract"),
        ('{"a": "int"}, allow_extra=True', ""),
        ('{"a": "int", "b": "string", "c": "int"}', "column c is missing"),
        ('{"b": "string", "a": "int"}, ordered=True', "the order is a, b"),
    ],
)
def test_a_schema_keeps_its_contract(case: Case, contract: str, breach: str) -> None:
    case.now(a=("int", []), b=("string", []))
    result = case.check(f"lfx.ExpectSchemaToMatchContract(columns={contract})")
    assert (result.outcome, result.detail) == (Outcome.FAILED if breach else Outcome.PASSED, breach)


@pytest.mark.parametrize(
    ("type_", "now", "main", "distance"),
    [
        ("int", [1, 2, 3, 4], [1, 2, 3, 4], 0),
        ("int", [3, 4], [1, 2], 1),
        ("int", [1, 2, 3, 5], [1, 2, 3, 4], 0.25),
        ("int", [1, None], [1, 2], 0.5),
        ("string", ["a", "a"], ["a", "b"], 0.5),
        ("string", ["a", "b"], ["b", "a", "a", "b"], 0),
        ("boolean", [True, None], [True, False], 0.5),
    ],
)
def test_a_distribution_is_as_far_from_main_as_is_said(
    case: Case, type_: str, now: list[Any], main: list[Any], distance: float
) -> None:
    case.now(v=(type_, now)).main(v=(type_, main))
    line = 'lfx.ExpectColumnDistributionToStayNearMain(column="v", max_distance={})'
    assert case.check(line.format(distance)).outcome is Outcome.PASSED
    if distance:
        result = case.check(line.format(distance - 0.01))
        assert (result.outcome, result.detail) == (Outcome.FAILED, f"the distance from main is {distance:.4g}")


def test_a_subclass_may_set_defaults_and_not_the_judgement(case: Case) -> None:
    case.now(id=("int", [1, 2])).main(id=("int", [1]))
    head = lfx().text.replace("expectations = []", "")
    lines = "class Near(lfx.ExpectRowCountToStayNearMain):\n    max_ratio: float = 1.5\n"
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"{head}{lines}expectations = [Near()]\n")
    result = only(checks(request(case.scan, file, relations=case.relations)))
    assert result.outcome is Outcome.FAILED
    lines += "    def _validate(self, *args, **kwargs):\n        return {'success': True}\n"
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"{head}{lines}expectations = [Near()]\n")
    result = only(checks(request(case.scan, file, relations=case.relations)))
    assert (result.outcome, "overrides _validate" in result.detail) == (Outcome.ERRORED, True)
