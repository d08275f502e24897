"""On an append: checks about rows look at the rows added, and say what a look at all rows says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.run import CheckResult, ReadScope
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_request import AddedRows, AuditRequest

from .lake import audit, request, scan_of, suite

LINES = (
    'gxe.ExpectColumnValuesToNotBeNull(column="n")',
    'gxe.ExpectColumnValuesToNotBeNull(column="n", mostly=0.7)',
    'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=6)',
    'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=4, mostly=0.5)',
    'gxe.ExpectColumnValuesToBeInSet(column="word", value_set=["a", "b", "c"], mostly=0.6)',
    'gxe.ExpectColumnValuesToMatchRegex(column="word", regex="^[abcd]$", row_condition=Column("n") > 2)',
    'gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="id", column_B="n", or_equal=True, mostly=0.5)',
    'gxe.ExpectColumnValuesToBeUnique(column="word", mostly=0.1)',
    'gxe.ExpectColumnValuesToBeUnique(column="id", row_condition=Column("n") > 2)',
    'gxe.ExpectCompoundColumnsToBeUnique(column_list=["n", "word"], ignore_row_if="never")',
    'gxe.ExpectColumnMeanToBeBetween(column="n", min_value=0, max_value=9)',
    "gxe.ExpectTableRowCountToBeBetween(min_value=1)",
)
PASSED_ROWS: Any = {"id": ("long", [5, 6]), "n": ("long", [3, 4]), "word": ("string", ["a", "b"])}


def columns(chance: Random, rows: int, first: int) -> Any:
    return {
        "id": ("long", [first + i for i in range(rows)]),
        "n": ("long", [chance.choice([*range(8), None]) for _ in range(rows)]),
        "word": ("string", [chance.choice([*"abcd", None]) for _ in range(rows)]),
    }


def appended(folder: Path, below: Any, added: Any, *files: CheckFile, **more: Any) -> tuple[AuditRequest, AuditRequest]:
    """The audit of what is below, and that of both together, which knows what passed below."""
    (folder / "below").mkdir()
    under, on_top = scan_of(folder / "below", **below), scan_of(folder, **added)
    both = Scan(under.key, 2, under.schema, (*under.files, *on_top.files), under.rows + on_top.rows)
    before = request(under, *files, **more)
    passed = frozenset((one.path, one.name) for one in audit(before) if one.outcome is Outcome.PASSED)
    return before, replace(before, scan=both, added_rows=AddedRows(on_top, passed, below=under.rows, near=both))


def verdicts(results: list[CheckResult]) -> list[tuple[str, Outcome]]:
    return [(result.name, result.outcome) for result in results]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("seed", range(25))
def test_the_added_rows_decide_as_all_rows_do(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    below, first = columns(chance, chance.randint(1, 9), 0), chance.choice((4, 100))
    added = columns(chance, chance.randint(0, 6), first)
    _, both = appended(tmp_path, below, added, suite(*LINES), primary_key=("id", "n"))
    found, whole = audit(both), audit(replace(both, added_rows=None))
    assert verdicts(found) == verdicts(whole)
    assert {one.scope for one in whole} == {ReadScope.ALL}
    failed = [(mine, theirs) for mine, theirs in zip(found, whole, strict=True) if mine.outcome is Outcome.FAILED]
    assert all((mine.failed_rows, mine.samples) == (theirs.failed_rows, theirs.samples) for mine, theirs in failed)


def test_checks_about_rows_read_the_added_files_and_those_about_the_table_all(tmp_path: Path) -> None:
    added = {"id": ("long", [7]), "n": ("long", [4]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, suite(*LINES), primary_key=("id",))
    scopes = [(one.name, one.scope) for one in audit(both)]
    assert [name for name, scope in scopes if scope is ReadScope.ALL] == [
        "word unique for at least 10%",
        "(n, word) unique",
        "mean of n between 0 and 9",
        "row count at least 1",
    ]
    assert {scope for name, scope in scopes if "null" in name or "between 0 and 6" in name} == {ReadScope.ADDED}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7, 8], (Outcome.PASSED, ReadScope.ADDED, 0)),
        ([7, 5], (Outcome.FAILED, ReadScope.ALL, 2)),
        ([7, 7], (Outcome.FAILED, ReadScope.ALL, 2)),
        ([7, None], (Outcome.PASSED, ReadScope.ADDED, 0)),
        ([None, None], (Outcome.PASSED, ReadScope.ALL, 0)),
    ],
)
def test_an_added_key_is_looked_for_among_all_rows(tmp_path: Path, ids: list[int | None], expected: Any) -> None:
    added = {"id": ("long", ids), "n": ("long", [4, 5]), "word": ("string", ["c", "d"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, primary_key=("id",))
    unique = next(one for one in audit(both) if one.name == "key (id) unique")
    assert (unique.outcome, unique.scope, unique.failed_rows) == expected


def test_a_part_of_a_key_that_is_missing_is_looked_at_among_all_rows(tmp_path: Path) -> None:
    """NULL equals NULL in a key of several columns, which a join does not say."""
    below = {**PASSED_ROWS, "n": ("long", [3, None])}
    added = {"id": ("long", [6]), "n": ("long", [None]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, below, added, primary_key=("id", "n"))
    unique = next(one for one in audit(both) if one.name.endswith("unique"))
    assert (unique.outcome, unique.scope, unique.failed_rows) == (Outcome.FAILED, ReadScope.ALL, 2)


@pytest.mark.parametrize(("expected", "outcome"), [(3, Outcome.PASSED), (4, Outcome.FAILED)])
def test_rows_that_were_accounted_for_below_are_not_counted_again(
    tmp_path: Path, expected: int, outcome: Outcome
) -> None:
    added = {"id": ("long", [7]), "n": ("long", [4]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, expected_rows=2)
    rows = next(one for one in audit(replace(both, expected_rows=expected)) if one.name == "rows")
    assert (rows.outcome, rows.scope, rows.rows) == (outcome, ReadScope.ADDED, 3)
    assert rows.detail == f"expected {expected} rows, found 3"


def test_where_rows_went_a_share_is_asked_of_all_that_are_left(tmp_path: Path) -> None:
    """The good ones may be those that went."""
    added = {"id": ("long", [7]), "n": ("long", [4]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, suite(*LINES[:2]), primary_key=("id",))
    assert both.added_rows is not None
    merged = audit(replace(both, added_rows=replace(both.added_rows, replaced=2)))
    assert {one.name: one.scope for one in merged if one.name != "schema"} == {
        "n not null": ReadScope.ADDED,
        "n not null for at least 70%": ReadScope.ALL,
        "key (id) not null": ReadScope.ADDED,
        "key (id) unique": ReadScope.ADDED,
    }


def test_a_bad_row_among_the_added_ones_is_found_and_shown(tmp_path: Path) -> None:
    added = {"id": ("long", [3, 4]), "n": ("long", [99, 5]), "word": ("string", ["c", "c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, suite(LINES[2]), primary_key=("id",))
    found = audit(both)[0]
    assert (found.outcome, found.scope, found.failed_rows, found.rows) == (Outcome.FAILED, ReadScope.ADDED, 1, 2)
    assert found.samples == ({"id": "3", "n": "99"},)


def test_what_did_not_pass_below_is_looked_at_whole(tmp_path: Path) -> None:
    below = {**PASSED_ROWS, "n": ("long", [3, 99])}
    added = {"id": ("long", [3]), "n": ("long", [5]), "word": ("string", ["c"])}
    line = 'gxe.ExpectColumnValuesToBeBetween(column="n", min_value=0, max_value=6, severity="warning")'
    _, both = appended(tmp_path, below, added, suite(line))
    assert [(one.outcome, one.scope) for one in audit(both) if one.path] == [(Outcome.FAILED, ReadScope.ALL)]


def test_a_file_that_may_say_something_else_today_is_looked_at_whole(tmp_path: Path) -> None:
    file = suite(LINES[2])
    moving = CheckFile(CheckKind.SUITE, file.path, f"import os\nhigh = int(os.environ.get('HIGH', 6))\n{file.text}")
    added = {"id": ("long", [3]), "n": ("long", [5]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, moving)
    assert [one.scope for one in audit(both) if one.path] == [ReadScope.ALL]


def test_a_function_beside_expectations_looks_at_all_rows_and_they_do_not(tmp_path: Path) -> None:
    added = {"id": ("long", [7]), "n": ("long", [4]), "word": ("string", ["c"])}
    file = suite(LINES[0])
    function = "\nfrom lakeflow import check\n@check\ndef some(branch):\n    return len(branch) > 0\n"
    _, both = appended(tmp_path, PASSED_ROWS, added, replace(file, text=file.text + function))
    scopes = {one.name: one.scope for one in audit(both) if one.path}
    assert scopes == {"n not null": ReadScope.ADDED, "some": ReadScope.ALL}


def test_added_rows_of_which_none_is_judged_prove_nothing_alone(tmp_path: Path) -> None:
    added = {"id": ("long", [3]), "n": ("long", [None]), "word": ("string", ["c"])}
    _, both = appended(tmp_path, PASSED_ROWS, added, suite(LINES[2]))
    assert [(one.outcome, one.scope, one.rows) for one in audit(both) if one.path] == [
        (Outcome.PASSED, ReadScope.ALL, 2)
    ]
