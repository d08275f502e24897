"""Great Expectations' own result objects, built from what is kept of a check: equal to what its own engine gives."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from lakeflow.core.checks.evidence import packed, unpacked
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.run import CheckResult, ReadScope

from .lake import checks, request, scan_of, suite
from .library import _frame, is_data, made
from .test_same_as_the_library import ASKED, COLUMNS

DISTRIBUTIONS: Final = (
    'ExpectColumnQuantileValuesToBeBetween(column="whole",'
    ' quantile_ranges={"quantiles": [0.0, 1.0], "value_ranges": [[0, 2], [None, 13]]})',
    'ExpectColumnMostCommonValueToBeInSet(column="code", value_set=["a1"])',
    'ExpectColumnKLDivergenceToBeLessThan(column="code", threshold=1, tail_weight_holdout=0.2,'
    ' partition_object={"values": ["a1", "b2"], "weights": [0.5, 0.5]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="whole", threshold=1, tail_weight_holdout=0.2,'
    ' partition_object={"bins": [0, 3, 9], "weights": [0.5, 0.5]})',
    'ExpectColumnValuesToBeJsonParseable(column="code")',
    'ExpectColumnValuesToMatchRegex(column="code", regex="^(?!a)", mostly=0.6)',
)


def result_json(check: CheckResult) -> dict[str, Any] | None:
    from lakeflow.expectations import results

    return results.result_json(check)


def theirs(lines: list[str]) -> dict[str, Any]:
    import great_expectations as gx

    from lakeflow.expectations.results import RESULT_FORMAT

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context = gx.get_context(mode="ephemeral")
        asset = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": _frame(COLUMNS)})
        asked = gx.ExpectationSuite(name="all", expectations=[made(line) for line in lines])
        found = batch.validate(asked, result_format=dict(RESULT_FORMAT)).results
    return {one.expectation_config.meta["line"]: plain(one.to_json_dict()) for one in found}


def plain(result: dict[str, Any]) -> dict[str, Any]:
    """Without what belongs to the batch and the run, and floats to the digits on which two engines agree."""
    configuration = result["expectation_config"]
    kwargs = {name: value for name, value in configuration["kwargs"].items() if name != "batch_id"}
    told = json.loads(json.dumps(result["result"]), parse_float=lambda text: round(float(text), 9))
    return {"type": configuration["type"], "kwargs": kwargs, "success": result["success"], "result": told}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    lines = [line for line in (*ASKED, *DISTRIBUTIONS) if is_data(line)]
    scan = scan_of(tmp_path_factory.mktemp("same"), **COLUMNS)
    found = checks(request(scan, suite(*(f"gxe.{line}" for line in lines))))
    other = theirs(lines)
    ours = {line: plain(result_json(kept(one)) or {}) for line, one in zip(lines, found, strict=True)}
    return {line: (ours[line], other[line]) for line in lines}


def kept(check: CheckResult) -> CheckResult:
    """The check after its evidence was text in the ledger."""
    return replace(check, evidence=json.loads(json.dumps(dict(check.evidence))))


@pytest.mark.long
def test_results_are_the_library_s_own(both: dict[str, tuple[Any, Any]]) -> None:
    assert {line: pair for line, pair in both.items() if pair[0] != pair[1]} == {}
    assert sum("unexpected_percent" in ours["result"] for ours, _ in both.values()) > 30
    assert sum("observed_value" in ours["result"] for ours, _ in both.values()) > 15


def one(tmp_path: Path, line: str, head: str = "", **more: Any) -> dict[str, Any]:
    scan = scan_of(tmp_path, a=("int", [1, 2]), secret=("string", ["canary1", "canary2"]))
    text = f"import great_expectations.expectations as gxe\nfrom lakeflow import expectations as lfx\n{head}\n"
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", f"{text}expectations = [{line}]\n")
    (found,) = checks(request(scan, file, **more))
    return result_json(found) or {}


@pytest.mark.long
def test_each_of_them_has_json(tmp_path: Path) -> None:
    """The library gives some judgements in numpy's own booleans."""
    scan = scan_of(tmp_path, **COLUMNS)
    lines = [line for line in (*ASKED, *DISTRIBUTIONS) if is_data(line)]
    for found in checks(request(scan, suite(*(f"gxe.{line}" for line in lines)))):
        assert json.loads(json.dumps(result_json(kept(found)))) == result_json(found)


def test_our_own_expectations_have_the_library_s_results(tmp_path: Path) -> None:
    line = 'lfx.ExpectForeignKeyToExist(columns="a", references="silver.weather", referenced_columns="a")'
    result = one(tmp_path, line)
    assert result["expectation_config"]["type"] == "expect_foreign_key_to_exist"
    assert (result["success"], result["result"]["element_count"]) == (True, 2)
    fresh = one(tmp_path, 'lfx.ExpectSchemaToMatchContract(columns={"a": "long"}, allow_extra=True)')
    assert (fresh["success"], fresh["result"]["observed_value"]) == (False, ["column a is int, promised long"])


def test_a_check_that_could_not_look_has_its_reason_as_the_exception(tmp_path: Path) -> None:
    result = one(tmp_path, 'gxe.ExpectColumnValuesToBeUnique(column="nope")')
    assert (result["success"], result["exception_info"]["raised_exception"]) == (False, True)
    assert "no column 'nope'" in result["exception_info"]["exception_message"]


def test_a_user_s_own_class_that_is_not_here_says_what_the_check_said(tmp_path: Path) -> None:
    head = "class ExpectLess(gxe.ExpectColumnMaxToBeBetween):\n    max_value: int = 1\n"
    result = one(tmp_path, 'ExpectLess(column="a")', head)
    assert result["success"] is False
    assert result["expectation_config"]["type"] == "expect_less"


def test_no_value_of_a_personal_column_is_kept(tmp_path: Path) -> None:
    for line in (
        'gxe.ExpectColumnMaxToBeBetween(column="secret", max_value="b")',
        'gxe.ExpectColumnDistinctValuesToBeInSet(column="secret", value_set=["x"])',
    ):
        assert "canary" not in json.dumps(one(tmp_path, line, columns={"secret": Column(pii=True)}))


def test_a_result_over_added_rows_says_so(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", [1, 2]))
    (found,) = checks(request(scan, suite('gxe.ExpectColumnValuesToNotBeNull(column="a")')))
    assert (result_json(found) or {})["meta"] == {}
    assert (result_json(replace(found, scope=ReadScope.ADDED)) or {})["meta"] == {"lakeflow": {"scope": "added"}}


def test_other_checks_have_no_such_result() -> None:
    assert result_json(CheckResult("schema", Outcome.PASSED)) is None


@pytest.mark.parametrize("value", [None, True, 1, "x", 1.5, float("inf"), [1, [2.0]], {"a": 1}])
def test_figures_come_back_from_json_as_they_were(value: Any) -> None:
    assert unpacked(json.loads(json.dumps(packed(value), allow_nan=False))) == value
