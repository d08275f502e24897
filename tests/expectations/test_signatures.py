"""Suites that are compiled from their text say what the library says, and where the text is not enough, it is asked."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest

from lakeflow.adapters.expectations import audit
from lakeflow.adapters.expectations.audit import Suites
from lakeflow.adapters.expectations.compile import from_text
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.compile.serialise import NotDataError, dumps
from lakeflow.adapters.expectations.compile.stand_ins import stand_ins
from lakeflow.adapters.expectations.library.signatures import TABLE, signatures
from lakeflow.core.model.check import CheckFile, CheckKind
from lakeflow.core.model.table import Scan

from . import every
from .lake import request, scan_of
from .signatures import SAMPLES, table, written
from .test_same_as_the_library import ASKED, COLUMNS

KNOWN = json.loads(TABLE.read_text("utf-8"))
THIS_RELEASE = pytest.mark.skipif(
    version("great_expectations") != KNOWN["library"], reason="the table is of another release, so it is not used"
)
SETTLED = ("", ', severity="warning"', ', meta={{"lakeflow": {{"allow_empty": True}}}}, notes="why"')
ROOT = Path(__file__).parents[2]
HEAD = "import great_expectations.expectations as gxe\n"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("every"), **every.TABLE)


@THIS_RELEASE
@pytest.mark.long
def test_the_table_that_is_shipped_is_what_the_installed_library_says() -> None:
    assert written(table()) == TABLE.read_text("utf-8"), "python -m tests.expectations.signatures"


def _file(line: str) -> CheckFile:
    return CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"{HEAD}expectations = [\n    gxe.{line},\n]\n")


def _by_text(line: str, scan: Scan) -> str | None:
    asked = request(scan, _file(line))
    found = from_text.checks_from_text(_file(line), Suites(asked, SuiteCache()).table, allow_empty=False)
    return None if found is None else dumps(found)


def _by_library(line: str, scan: Scan, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(audit, "checks_from_text", lambda *_, **__: None)
        try:
            return dumps(Suites(request(scan, _file(line)), SuiteCache()).checks_of(_file(line)))
        except NotDataError:
            return "no data"


def _differing(lines: Iterable[str], scan: Scan, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """How many lines were compiled from their text, and those of which the library says something else."""
    found = {line: by_text for line in lines if (by_text := _by_text(line, scan)) is not None}
    return len(found), [line for line, by_text in found.items() if by_text != _by_library(line, scan, monkeypatch)]


def _odd(line: str) -> Iterator[str]:
    """The same expectation with each of its arguments, and some that it may not have, as values of all kinds."""
    call = ast.parse(line, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    given = {each.arg: ast.unparse(each.value) for each in call.keywords if each.arg}
    known = signatures().get(call.func.id, {"takes": {}})["takes"]
    for name in (*known, *given, "columm"):
        for value in SAMPLES:
            yield _call(call.func.id, {**given, name: repr(value)})
        yield _call(call.func.id, {each: said for each, said in given.items() if each != name})


def _call(name: str, given: Mapping[str, str]) -> str:
    return f"{name}({', '.join(f'{each}={said}' for each, said in given.items())})"


LINES = [line.format(more, order="") for line in (*every.COMPUTED, *every.REFUSED) for more in map(str.format, SETTLED)]


@pytest.mark.long
@THIS_RELEASE
def test_every_expectation_compiles_from_its_text_to_what_the_library_makes_of_it(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it does not, the library is imported: that is so for a quarter of them."""
    compiled, differing = _differing(LINES, scan, monkeypatch)
    assert differing == []
    assert compiled >= 100


@THIS_RELEASE
@pytest.mark.long
def test_wrong_and_odd_arguments_are_left_to_the_library_or_mean_the_same(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [line for plain in every.COMPUTED for line in _odd(plain.format("", order=""))]
    compiled, differing = _differing(odd[::7], scan, monkeypatch)
    assert differing == []
    assert compiled > 100


@THIS_RELEASE
def test_lines_of_the_comparison_with_the_library_compile_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = scan_of(tmp_path, **COLUMNS)
    compiled, differing = _differing(ASKED, scan, monkeypatch)
    assert differing == []
    assert compiled > 20


@THIS_RELEASE
@pytest.mark.parametrize(
    "text",
    [
        "import os\n{}",
        "from great_expectations.core import ExpectationSuite\n{}",
        "import great_expectations\n{}",
        "{}expectations += [1]\n",
        "{}suite_parameters = {{}}\n",
        "x = 1\n{}",
        "print(1)\n{}",
        "from .gxe import gxe\n{}",
    ],
)
def test_a_file_that_does_more_than_list_expectations_is_executed(text: str) -> None:
    plain = _file('ExpectColumnToExist(column="t")').text
    assert stand_ins(plain) is not None
    assert stand_ins(text.format(plain)) is None


@THIS_RELEASE
@pytest.mark.parametrize(
    "line",
    [
        'ExpectColumnToExist("t")',
        'ExpectColumnToExist(**{"column": "t"})',
        "ExpectColumnToExist(column=name)",
        'ExpectColumnToExist(column="t", column="t")',
        'ExpectColumnToExist(column={"$PARAMETER": "c"})',
        'ExpectColumnToExist(column="t", severity="loud")',
        'ExpectColumnMaxToBeBetween(column="n", min_value=2, max_value=1)',
        'ExpectColumnMaxToBeBetween(column="n", max_value=1e999)',
        'ExpectColumnMaxToBeBetween(column="n", max_value=9007199254740993)',
        "Column('t')",
        "ExpectNothing()",
        "ExpectColumnValuesToBeBetween(column='n')",
        "UnexpectedRowsExpectation(unexpected_rows_query='select 1')",
    ],
)
def test_what_the_table_does_not_tell_is_left_to_the_library(line: str) -> None:
    assert stand_ins(_file(line).text) is None


@THIS_RELEASE
@pytest.mark.long
def test_an_audit_by_text_imports_no_library(scan: Scan, tmp_path: Path) -> None:
    code = f"""
import sys
from tests.expectations.test_signatures import _by_text
from tests.expectations.lake import scan_of
from tests.expectations import every
from pathlib import Path
scan = scan_of(Path({str(tmp_path)!r}), **every.TABLE)
assert _by_text('ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=5, mostly=0.5)', scan)
print("great_expectations" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.strip() == "False"


def test_a_table_of_another_release_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeflow.adapters.expectations.library.signatures.version", lambda _: "0.0.1")
    signatures.cache_clear()
    try:
        assert stand_ins(_file('ExpectColumnToExist(column="t")').text) is None
    finally:
        signatures.cache_clear()
