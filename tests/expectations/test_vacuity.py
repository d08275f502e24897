"""A check that looked at nothing has not passed, whatever its severity, unless its author says that empty is fine.

The matrix is every check there is against every way in which there is nothing to look at. What passes all the same
stands here by name, because it had something to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from lakeflow.adapters.expectations.audit import Past, alone, steps
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.expectations.table import QueryResult
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_progress import SHARED_SCAN
from lakeflow.core.run.audits.audit_request import AuditRequest

from . import every
from .lake import LocalQueries, checks, request, row_check, scan_of, suite

OTHER = AssetKey.parse("silver.other")
SCHEMA: Final = frozenset(
    {
        "ExpectColumnToExist",
        "ExpectColumnTypeToBe",
        "ExpectColumnValuesToBeInTypeList",
        "ExpectColumnValuesToBeOfType",
        "ExpectTableColumnCountToBeBetween",
        "ExpectTableColumnCountToEqual",
        "ExpectTableColumnsToMatchOrderedList",
        "ExpectTableColumnsToMatchSet",
        "lfx.ExpectSchemaToMatchContract",
        "schema",
    }
)
"""The columns are there to look at, whatever the rows."""
NULLS: Final = frozenset({"ExpectColumnValuesToBeNull", "UnexpectedRowsExpectation", "bad rows"})
"""Rows of NULLs are rows: they are NULL, and the author's own query found none of them bad."""
AGAINST: Final = frozenset({"lfx.ExpectRowCountToStayNearMain", "lfx.ExpectNoKeyToDisappear"})
"""Of no rows, all of main's are missing."""
OWN_QUERIES: Final = frozenset({"lfx.ExpectNoKeyToDisappear", "lfx.ExpectColumnDistributionToStayNearMain"})
"""They want nothing of the shared scan."""
COUNTS: Final = frozenset({"ExpectTableRowCountToBeBetween", "ExpectTableRowCountToEqual"})


def known(*lines: str) -> list[str]:
    """The lines whose expectation this release of the library has."""
    return [line for line in lines if line.startswith("lfx.") or hasattr(seam.load(), every.name_of(line))]


LINES: Final = (*every.COMPUTED, *every.OWN)


def asked(scan: Scan, folder: Path, *, allow_empty: bool = False) -> AuditRequest:
    """Every check there is: the library's and our own as warnings, a bad-row query, and the built-in ones."""
    text = suite(*every.lines(*known(*LINES), severity="warning", allow_empty=allow_empty)).text
    files = (
        CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"from lakeflow import expectations as lfx\n{text}"),
        row_check("select * from silver.weather where n < 0", allow_empty=allow_empty),
    )
    (folder / "main").mkdir(exist_ok=True)
    relations = {
        "silver.other": scan_of(folder, OTHER, id=("long", [1, 2, 3])),
        "published.silver.weather": every.table(folder / "main"),
    }
    return request(scan, *files, relations=relations, primary_key=("id", "t"), expected_rows=scan.rows)


def by_kind(results: Sequence[CheckResult]) -> dict[str, CheckResult]:
    """By the class of the expectation, or the name of any other check. Results come in the order of the files."""
    names = [every.name_of(line) for line in known(*LINES)]
    kinds = [*names, *(result.name for result in results[len(names) :])]
    return dict(zip(kinds, results, strict=True))


def run(asked: AuditRequest, queries: LocalQueries | None = None, past: Past = Past()) -> dict[str, CheckResult]:  # noqa: B008
    queries = queries or LocalQueries(asked)
    try:
        return by_kind([step.result for step in steps(asked, alone(queries), past) if step.result is not None])
    finally:
        queries.duckdb.close()


def passed(results: Mapping[str, CheckResult]) -> set[str]:
    return {kind for kind, result in results.items() if result.outcome is Outcome.PASSED}


def installed(*kinds: frozenset[str]) -> set[str]:
    """Of these, the ones that this release of the library has."""
    here = {every.name_of(line) for line in known(*LINES)} | {"schema", "rows", "bad rows"}
    return set().union(*kinds) & here


def test_on_good_data_every_check_passes(tmp_path: Path) -> None:
    """The matrix below is not blind."""
    results = run(asked(every.table(tmp_path), tmp_path))
    assert results.keys() - passed(results) == {"key (id, t) not null"}


def test_of_no_rows_only_what_is_about_the_table_itself_passes(tmp_path: Path) -> None:
    results = run(asked(every.table_of(tmp_path, 0), tmp_path))
    assert passed(results) == installed(SCHEMA, frozenset({"rows"}))
    assert {kind for kind, result in results.items() if not result.holds} - passed(results) == installed(
        COUNTS, AGAINST
    )
    assert {result.outcome for kind, result in results.items() if kind in COUNTS | AGAINST} == {Outcome.FAILED}


def test_of_no_rows_all_passes_that_its_author_allows(tmp_path: Path) -> None:
    results = run(replace(asked(every.table_of(tmp_path, 0), tmp_path, allow_empty=True), allow_empty=True))
    assert results.keys() - passed(results) == installed(COUNTS, AGAINST)
    each = run(asked(every.table_of(tmp_path, 0), tmp_path, allow_empty=True))
    assert each.keys() - passed(each) == installed(COUNTS, AGAINST) | {"key (id, t) not null", "key (id, t) unique"}


def test_of_nothing_but_nulls_only_what_asks_for_rows_passes(tmp_path: Path) -> None:
    results = run(asked(every.table_of(tmp_path, 5), tmp_path))
    assert passed(results) == installed(SCHEMA, COUNTS, NULLS, frozenset({"rows", "lfx.ExpectRowCountToStayNearMain"}))


def test_without_its_column_no_check_passes(tmp_path: Path) -> None:
    results = run(asked(scan_of(tmp_path, other=("int", [1, 2, 3, 4, 5])), tmp_path))
    about_rows = {"rows", "lfx.ExpectRowCountToStayNearMain", "schema"}
    assert passed(results) == installed(COUNTS, frozenset(about_rows))


class Failing(LocalQueries):
    """An engine that raises this for whatever reads data."""

    def __init__(self, asked: AuditRequest, error: Exception) -> None:
        super().__init__(asked)
        self.error = error

    def execute(self, sql: str) -> QueryResult:
        if "LIMIT 0" in sql or "regexp_matches(''" in sql:
            return super().execute(sql)
        raise self.error

    def batches(self, sql: str) -> Iterator[Any]:
        raise self.error


def test_when_the_engine_fails_every_check_of_data_is_errored(tmp_path: Path) -> None:
    given = asked(every.table(tmp_path), tmp_path)
    results = run(given, Failing(given, AssetError("disk on fire")))
    assert passed(results) == installed(SCHEMA)
    assert {result.outcome for kind, result in results.items() if kind not in SCHEMA} == {Outcome.ERRORED}


def test_when_the_shared_scan_takes_too_long_no_check_that_wants_it_passes(tmp_path: Path) -> None:
    results = run(asked(every.table(tmp_path), tmp_path), past=Past(too_long="it took longer than 60 s"))
    assert passed(results) == installed(SCHEMA, OWN_QUERIES)
    assert SHARED_SCAN not in results


def test_an_expectation_that_raises_is_errored(tmp_path: Path) -> None:
    text = (
        "import great_expectations.expectations as gxe\n"
        "class ExpectMine(gxe.ExpectColumnMaxToBeBetween):\n"
        "    def _validate(self, metrics, runtime_configuration=None, execution_engine=None):\n"
        "        raise KeyError('oops')\n"
        "expectations = [ExpectMine(column='n', max_value=3)]\n"
    )
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text)
    (result,) = checks(request(every.table(tmp_path), file))
    assert (result.outcome, result.detail) == (Outcome.ERRORED, "the expectation broke with KeyError: 'oops'")


def test_no_row_that_meets_the_condition_is_nothing_to_look_at(tmp_path: Path) -> None:
    lines = known(*(line for line in every.COMPUTED if "row_condition" in _fields(every.name_of(line))))
    more = ', row_condition=Column("id") > 50'
    asked = [line[:-1] + more + ")" for line in every.lines(*lines)]
    results = checks(request(every.table(tmp_path), suite(*asked)))
    assert len(results) > 40
    kinds = dict(zip(map(every.name_of, lines), results, strict=True))
    looked = {kind for kind, one in kinds.items() if one.outcome is not Outcome.ERRORED}
    assert looked - SCHEMA == COUNTS
    assert {kinds[kind].outcome for kind in COUNTS} == {Outcome.FAILED}


def _fields(name: str) -> Mapping[str, Any]:
    return getattr(getattr(seam.load(), name, None), "__fields__", {})


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("empty"), a=("int", []))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("expectations = []", "`expectations` is empty"),
        ("x = 1", "defines no `expectations = [...]`"),
        ("expectations = 3", "is a int, not a list"),
        ("import no_such_module", "checks/silver/weather.py:1: ModuleNotFoundError"),
        ("x = 1\n1 / 0\n", "checks/silver/weather.py:2: ZeroDivisionError"),
        ("x = (", "checks/silver/weather.py:1: SyntaxError"),
        ("import sys\nsys.exit(0)", "checks/silver/weather.py:2: SystemExit"),
        ("import great_expectations.expectations as gxe\ngxe.ExpectColumnToExist()", "weather.py:2: ValidationError"),
    ],
)
def test_a_file_without_expectations_is_one_errored_check_that_says_why(empty: Scan, text: str, reason: str) -> None:
    (result,) = checks(request(empty, CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text)))
    assert result.outcome is Outcome.ERRORED
    assert reason in result.detail
