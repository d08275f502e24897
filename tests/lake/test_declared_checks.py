"""`lake.checks` names each check as its results will, before and after anything was built."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.model.check import Severity

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/weather.sql": "select 1 as id, 99.5 as wind",
    "layers/silver/weather.sql": '/*\nkey = ["id"]\n*/\nselect id, wind from bronze.weather',
    "checks/silver/weather.possible.sql": "select id from silver.weather where wind > 200",
    "checks/silver/weather.often.sql": "/* warn = 1 */\nselect id from silver.weather where wind > 100",
}


@pytest.mark.long
def test_a_lake_names_its_checks_as_a_run_records_them_and_says_what_each_weighs(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with lakeflow.open(tmp_path) as lake:
        before = lake.checks()
        run = lake.materialize()
        assert run is not None
        recorded = {step.asset: [check.name for check in step.checks] for step in run.steps}
        assert {key: [check.name for check in checks] for key, checks in before.items()} == recorded
        assert lake.checks("silver.weather") == {key: checks for key, checks in before.items() if key.layer == "silver"}
    weights = {check.name: check.severity for checks in before.values() for check in checks}
    assert weights["possible"] is Severity.CRITICAL
    assert weights["often"] is Severity.WARNING
