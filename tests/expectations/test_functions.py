"""Checks that are Python functions: what they get, what they may return, and what they may do to their process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.processes.auditor import ProcessAuditor
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome, Severity
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Scan

from .lake import checks, outcomes, request, row_check, scan_of

HEAD = "import duckdb\nimport pyarrow as pa\nfrom lakeflow import check\n"


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return scan_of(tmp_path, id=("int", [1, 2, 3]), name=("string", ["a", "b", "canary"]))


def functions(text: str) -> CheckFile:
    return CheckFile(CheckKind.SUITE, "checks/silver/weather.py", HEAD + text)


def one(scan: Scan, text: str, **more: Any) -> CheckResult:
    (result,) = checks(request(scan, functions(text), **more))
    return result


BAD_ROWS = {
    "relation": "return branch.filter('id > 1')",
    "select": "return 'select * from silver.weather where id > 1'",
    "relation of the same": "return branch.select('*').filter('id > 1')",
    "table": "return branch.filter('id > 1').to_arrow_table()",
    "reader": "return branch.filter('id > 1').to_arrow_reader()",
    "pandas": "return branch.filter('id > 1').to_arrow_table().to_pandas()",
    "polars": "return branch.filter('id > 1').pl()",
}


@pytest.mark.parametrize("body", BAD_ROWS.values(), ids=BAD_ROWS)
def test_each_row_that_comes_back_is_a_failure(scan: Scan, body: str) -> None:
    result = one(scan, f"@check\ndef large_ids(branch):\n    {body}\n")
    assert (result.name, result.outcome, result.severity) == ("large ids", Outcome.FAILED, Severity.CRITICAL)
    assert (result.failed_rows, result.rows, result.detail) == (2, 3, "2 of 3 rows (66.7%)")
    assert sorted(row["id"] or "" for row in result.samples) == ["2", "3"]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("return branch.filter('id > 9')", Outcome.PASSED),
        ("return 'select 1 where false'", Outcome.PASSED),
        ("return True", Outcome.PASSED),
        ("return branch.count('*').fetchall()[0][0] == 4", Outcome.FAILED),
        ("import numpy\n    return numpy.bool_(True)", Outcome.PASSED),
        ("import numpy\n    return numpy.bool_(False)", Outcome.FAILED),
    ],
)
def test_no_row_or_true_passes_and_false_fails(scan: Scan, body: str, outcome: Outcome) -> None:
    assert one(scan, f"@check(severity='warning')\ndef f(branch):\n    {body}\n").outcome is outcome


def test_many_bad_rows_are_counted_and_a_few_are_shown(scan: Scan) -> None:
    result = one(scan, "@check\ndef f(branch):\n    return 'select * from range(30000) t(i)'\n")
    assert (result.failed_rows, result.detail, len(result.samples)) == (30000, "30,000 rows returned", 5)


def test_a_function_gets_the_branch_what_is_published_and_its_inputs(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    airports = AssetKey.parse("silver.airports")
    relations = {
        "published.silver.weather": scan_of(tmp_path / "main", id=("int", [1])),
        "silver.airports": scan_of(tmp_path, airports, id=("int", [1, 2])),
    }
    text = (
        "@check(inputs={'airports': 'silver.airports'})\n"
        "def f(branch, published, airports: pa.Table):\n"
        "    now, before = branch.count('*').fetchall(), published.count('*').fetchall()\n"
        "    return (now, before, airports.num_rows) == ([(3,)], [(1,)], 2)\n"
    )
    assert one(scan, text, relations=relations).outcome is Outcome.PASSED
    result = one(scan, text, relations={})
    assert (result.outcome, "never built" in result.detail) == (Outcome.ERRORED, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@check\ndef f(branch):\n    raise ValueError('no such thing')\n", "weather.py:6: ValueError: no such thing"),
        ("@check\ndef f(branch):\n    assert False, 'bad'\n", "weather.py:6: AssertionError: bad"),
        ("import sys\n@check\ndef f(branch):\n    sys.exit(0)\n", "weather.py:7: SystemExit: 0"),
        ("@check\ndef f(branch):\n    return branch.filter('nothing')\n", "weather.py:6: BinderException"),
        ("@check\ndef f(branch):\n    return None\n", "the check returned nothing (None)"),
        ("@check\ndef f(branch):\n    return 7\n", "builtins.int, which is not a table"),
        ("@check\ndef f(branch):\n    return 'drop view silver.weather'\n", "a check is one SELECT, this is DROP"),
        ("@check\ndef f(branch):\n    return \"select error('x')\"\n", "x"),
        ("@check\ndef f(brunch):\n    return True\n", "nothing is known as 'brunch'"),
        ("@check\ndef f(branch: int):\n    return True\n", "is no form that a relation can take"),
        ("@check(severity='bad')\ndef f(branch):\n    return True\n", "'bad' is not a valid Severity"),
        ("def f(branch):\n    return True\n", "no function with @check"),
    ],
)
def test_a_function_that_cannot_say_is_errored_with_the_reason(scan: Scan, text: str, said: str) -> None:
    result = one(scan, text)
    assert result.outcome is Outcome.ERRORED
    assert said in result.detail


def test_a_check_that_looked_at_nothing_has_not_passed(tmp_path: Path) -> None:
    empty = scan_of(tmp_path, id=("int", []))
    assert one(empty, "@check\ndef f(branch):\n    return True\n").outcome is Outcome.ERRORED
    assert one(empty, "@check(allow_empty=True)\ndef f(branch):\n    return True\n").outcome is Outcome.PASSED
    assert one(empty, "@check\ndef f(branch):\n    return 'select 1'\n").outcome is Outcome.FAILED


def test_nothing_personal_is_shown_or_quoted(scan: Scan) -> None:
    rows = one(scan, "@check\ndef f(branch):\n    return branch\n", pii=frozenset({"name"}))
    assert (rows.outcome, rows.samples) == (Outcome.FAILED, ())
    text = "@check\ndef f(branch):\n    raise ValueError(branch.fetchall())\n"
    assert "canary" not in one(scan, text, pii=frozenset({"name"})).detail


def test_expectations_come_first_then_functions_in_the_order_of_the_file(scan: Scan) -> None:
    text = (
        "import great_expectations.expectations as gxe\n@check\ndef b(branch):\n    return True\n"
        "@check\ndef a(branch):\n    return True\nexpectations = [gxe.ExpectColumnToExist(column='id')]\n"
    )
    assert [result.name for result in checks(request(scan, functions(text)))] == ["column id exists", "b", "a"]


KILLERS = {
    "exit": ("os._exit(3)", "exit code 3"),
    "segfault": ("ctypes.string_at(0)", "SIGSEGV"),
    "abort": ("os.abort()", "SIGABRT"),
    "memory": ("resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30)); x = bytearray(8 << 30)", "MemoryError"),
}


@pytest.mark.parametrize(("line", "said"), KILLERS.values(), ids=KILLERS)
def test_a_function_that_kills_its_process_is_errored_and_the_rest_still_runs(
    auditor: ProcessAuditor, scan: Scan, line: str, said: str
) -> None:
    text = f"import ctypes, os, resource\n@check\ndef deadly(branch):\n    {line}\n"
    text += "@check\ndef f(branch):\n    return True\n"
    results = auditor.audit(request(scan, functions(text), row_check("from silver.weather")))
    assert list(outcomes(results).items()) == [
        ("deadly", Outcome.ERRORED),
        ("f", Outcome.PASSED),
        ("bad rows", Outcome.FAILED),
        ("schema", Outcome.PASSED),
    ]
    assert said in results[0].detail


@pytest.mark.long
def test_a_function_that_never_ends_is_stopped_and_the_rest_still_runs(auditor: ProcessAuditor, scan: Scan) -> None:
    text = "@check\ndef slow(branch):\n    while True:\n        pass\n@check\ndef f(branch):\n    return True\n"
    auditor.audit(request(scan))
    results = auditor.audit(request(scan, functions(text), timeout=1.0))
    assert [result.outcome for result in results[:2]] == [Outcome.ERRORED, Outcome.PASSED]
    assert "longer than 1 s" in results[0].detail


def test_a_function_cannot_write_through_the_relations_that_it_gets(scan: Scan) -> None:
    before = Path(scan.files[0]).read_bytes()
    text = f"@check\ndef f(branch):\n    branch.write_parquet({scan.files[0]!r})\n    return True\n"
    result = one(scan, text)
    assert Path(scan.files[0]).read_bytes() == before, result.detail
