"""One check that warns early and holds late."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.errors import ProjectError
from lakeflow.core.model.check import Outcome, Severity, Thresholds, read_thresholds
from lakeflow.project import load
from tests.cli.test_commands import make

from .lake import checks, request, row_check, scan_of, suite

ROWS = [1] * 90 + [-1] * 10
CASES = [
    ("'warn': 0.2, 'hold': 0.5", Outcome.PASSED, None),
    ("'warn': 0.1, 'hold': 0.5", Outcome.PASSED, None),
    ("'warn': 0.05, 'hold': 0.1", Outcome.FAILED, Severity.WARNING),
    ("'warn': 0, 'hold': 10", Outcome.FAILED, Severity.WARNING),
    ("'warn': 0, 'hold': 9", Outcome.FAILED, Severity.CRITICAL),
    ("'warn': 1, 'hold': 0.09", Outcome.FAILED, Severity.CRITICAL),
    ("'hold': 9", Outcome.FAILED, Severity.CRITICAL),
    ("'hold': 0.5", Outcome.PASSED, None),
    ("'warn': 5", Outcome.FAILED, Severity.WARNING),
]


@pytest.mark.parametrize(("said", "outcome", "severity"), CASES)
def test_bad_rows_warn_above_one_limit_and_hold_above_another(
    tmp_path: Path, said: str, outcome: Outcome, severity: Severity | None
) -> None:
    scan = scan_of(tmp_path, n=("int", ROWS))
    meta = f"meta={{'lakeflow': {{{said}}}}}"
    file = suite(f"gxe.ExpectColumnValuesToBeBetween(column='n', min_value=0, {meta})")
    (result,) = checks(request(scan, file))
    assert result.outcome is outcome, result
    assert severity is None or result.severity is severity
    assert result.failed_rows == 10
    limits = read_thresholds(*(eval(f"{{{said}}}").get(name) for name in ("warn", "hold")))
    assert isinstance(limits, Thresholds)
    (same,) = checks(request(scan, row_check("select * from silver.weather where n < 0", thresholds=limits)))
    assert (same.outcome, same.severity) == (result.outcome, result.severity)
    assert str(limits) in result.detail


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (
            "meta={'lakeflow': {'warn': 'some'}}",
            "warn is neither a share such as 0.01 nor a number of rows such as 100",
        ),
        ("meta={'lakeflow': {'hold': 1.5}}", "hold is neither"),
        ("meta={'lakeflow': {'warn': -1}}", "warn is neither"),
        ("meta={'lakeflow': {'warn': 0.5, 'hold': 0.1}}", "warn is above hold"),
        ("mostly=0.9, meta={'lakeflow': {'warn': 0.1}}", "warn and hold say what severity and mostly say"),
        ("severity='warning', meta={'lakeflow': {'hold': 0.1}}", "warn and hold say what severity and mostly say"),
    ],
)
def test_limits_that_make_no_sense_hold_and_say_why(tmp_path: Path, said: str, wrong: str) -> None:
    scan = scan_of(tmp_path, n=("int", ROWS))
    (result,) = checks(request(scan, suite(f"gxe.ExpectColumnValuesToNotBeNull(column='n', {said})")))
    assert result.outcome is Outcome.ERRORED
    assert wrong in result.detail


def test_a_check_that_counts_no_rows_has_no_limits(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, n=("int", ROWS))
    line = "gxe.ExpectColumnMaxToBeBetween(column='n', max_value=0, meta={'lakeflow': {'hold': 0.1}})"
    (result,) = checks(request(scan, suite(line)))
    assert result.detail == "warn and hold need a check that counts bad rows"


def test_a_sql_check_says_them_in_its_header(tmp_path: Path) -> None:
    files = {
        "layers/bronze/a.sql": "select 1 as n",
        "layers/silver/a.sql": "/*\nkey = ['n']\n*/\nselect * from bronze.a",
        "checks/silver/a.bad.sql": "/*\nwarn = 0\nhold = 0.5\n*/\nselect * from silver.a where n < 0",
    }
    project = load(make(tmp_path, files))
    (suite_,) = project.suites.values()
    assert suite_.files[0].thresholds == Thresholds(0, 0.5)
    for header in ("warn = 2.5", "warn = 0.5\nhold = 0.1", 'severity = "warning"\nhold = 3', 'warn = "a"'):
        with pytest.raises(ProjectError, match=r"checks/silver/a\.bad\.sql:\d"):
            load(make(tmp_path, {**files, "checks/silver/a.bad.sql": f"/*\n{header}\n*/\nselect * from silver.a"}))
