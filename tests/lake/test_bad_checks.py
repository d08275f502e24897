"""Checks and data that are too odd, too many or too large, in real runs: each a clear outcome, and main untouched."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord

HEAD = "import great_expectations.expectations as gxe\n"
FILES = {
    "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
    "layers/bronze/words.sql": "select 1 as id, 'x' as word",
    "checks/bronze/words.sound.sql": "select * from bronze.words where id < 0",
}


def materialize(root: Path, files: dict[str, str]) -> RunRecord:
    for name, text in {**FILES, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        (asset,) = lake.status()
    assert run is not None
    assert (asset.snapshot_id is not None) == (run.state == "published")
    return run


def checks(run: RunRecord) -> tuple[CheckResult, ...]:
    (step,) = run.steps
    return step.checks


@pytest.mark.sampled(4)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("suite", "reason"),
    [
        (
            "import great_expectationz\nexpectations = [1]",
            "words.py:1: ModuleNotFoundError: No module named 'great_expectationz'",
        ),
        (
            f"{HEAD}expectations = [gxe.ExpectColumnMeanToBeBetween(column='word', min_value=1)]",
            "word is string, not a number",
        ),
        (
            f"{HEAD}expectations = [gxe.ExpectColumnValuesToMatchRegex(column='word', regex='(?<name>x)')]",
            "RE2: no look-around, no back-references) refuse /(?<name>x)/",
        ),
        (
            f"{HEAD}expectations = [gxe.ExpectColumnValuesToNotBeNull(column='word', row_condition='id > 1',"
            " condition_parser='pandas')]",
            'write it as an object: Column("a") > 1',
        ),
    ],
)
def test_what_cannot_be_asked_is_one_errored_check_and_holds_the_run(tmp_path: Path, suite: str, reason: str) -> None:
    run = materialize(tmp_path, {"checks/bronze/words.py": suite})
    first, *others = checks(run)
    assert (run.state, first.outcome) == ("held", Outcome.ERRORED)
    assert reason in first.detail
    assert {one.outcome for one in others} == {Outcome.PASSED}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_thousand_expectations_of_fifteen_hundred_columns_are_published(tmp_path: Path) -> None:
    columns = ", ".join(f"range + {number} as c{number}" for number in range(1500))
    suite = (
        f"{HEAD}expectations = ["
        "*[gxe.ExpectColumnValuesToBeBetween(column=f'c{n}', min_value=n) for n in range(1000)],"
        "*[gxe.ExpectColumnValuesToNotBeNull(column=f'c{n}') for n in range(1000)]]"
    )
    files = {
        "layers/bronze/words.sql": f"select 1 as id, {columns} from range(3)",
        "checks/bronze/words.py": suite,
    }
    run = materialize(tmp_path, files)
    assert run.state == "published"
    assert len([one for one in checks(run) if one.path.endswith(".py")]) == 2000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_cell_of_fifty_megabytes_is_judged_and_never_carried_along(tmp_path: Path) -> None:
    suite = (
        f"{HEAD}expectations = [gxe.ExpectColumnValueLengthsToBeBetween(column='word', max_value=10),"
        " gxe.ExpectColumnValuesToBeJsonParseable(column='word')]"
    )
    sql = "select 1 as id, repeat('x', 50_000_000) as word"
    run = materialize(tmp_path, {"layers/bronze/words.sql": sql, "checks/bronze/words.py": suite})
    found = [(one.outcome, one.failed_rows) for one in checks(run) if one.path.endswith(".py")]
    assert (run.state, found) == ("held", [(Outcome.FAILED, 1), (Outcome.FAILED, 1)])
    assert max(len(repr(one)) for one in checks(run)) < 4000
    assert (tmp_path / ".lakeflow/catalog.db").stat().st_size < 1_000_000
