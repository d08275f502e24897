"""With --fail-fast the first held or errored asset ends the run: what has not begun is skipped, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.process import lakeflow as command
from tests.external.lab import make, opened

FILES = {
    "pyproject.toml": "[tool.lakeflow]\nparallel = 1\n",
    "layers/silver/a.sql": '/*\nkey = ["id"]\n*/\nselect 1 as id\n',
    "layers/silver/b.sql": '/*\nkey = ["id"]\n*/\nselect -id as id from silver.a\n',
    "layers/silver/c.sql": '/*\nkey = ["id"]\n*/\nselect id from silver.a\n',
    "layers/gold/d.sql": "select id from silver.b\n",
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"checks/silver/b.no.sql": "select id from silver.b where id < 0\n"}, "held"),
        (
            {"layers/silver/b.sql": "/*\nkey = ['id']\n*/\nselect cast('x' || id as integer) as id from silver.a\n"},
            "errored",
        ),
    ],
    ids=["held", "errored"],
)
def test_the_first_that_does_not_pass_stops_the_rest_and_what_passed_before_is_published(
    tmp_path: Path, files: dict[str, str], state: str
) -> None:
    make(tmp_path, {**FILES, **files})
    with opened(tmp_path) as lake:
        run = lake.materialize(fail_fast=True)
        assert run is not None
        found = {str(step.asset): str(step.state) for step in run.steps}
        assert found == {"silver.a": "published", "silver.b": state, "silver.c": "skipped", "gold.d": "skipped"}
        reasons = {str(step.asset): step.reason for step in run.steps}
        assert reasons["silver.c"] == f"the run stops at the first: silver.b {state}"
        assert lake.status("silver.a")[0].rows == 1
        again = lake.retry(run.id)
        assert {str(step.asset): str(step.state) for step in again.steps}["silver.c"] == "published"


@pytest.mark.long
def test_the_command_says_it_on_the_screen(tmp_path: Path) -> None:
    make(tmp_path, {**FILES, "checks/silver/b.no.sql": "select id from silver.b where id < 0\n"})
    done = command("materialize", "--fail-fast", cwd=tmp_path)
    assert done.returncode == 1
    assert "skipped: the run stops at the first: silver.b held" in done.stdout
