"""The workflows that `init` writes, read by what reads such files: their schemas, and a reader of shell scripts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lakeflow.project.scaffold import Sample, Workflows, scaffold
from tests.orchestrators.lab import installed

pytestmark = pytest.mark.orchestrators
yaml = installed("yaml")
installed("check_jsonschema")
KINDS = {".github/workflows/lake.yml": "github-workflows", ".gitlab-ci.yml": "gitlab-ci"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("workflows")
    scaffold(made, Sample.NONE, Workflows.BOTH)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_a_workflow_is_one_of_its_kind_and_a_misspelled_one_is_not(root: Path, name: str, tmp_path: Path) -> None:
    kind, text = KINDS[name], (root / name).read_text(encoding="utf-8")
    assert _validated(root / name, kind) == 0
    bad = tmp_path / Path(name).name
    bad.write_text(
        text.replace("permissions: {}", "permission: {}").replace("resource_group:", "resource_groups: []\n  stage:")
    )
    assert _validated(bad, kind) == 1


def _validated(path: Path, kind: str) -> int:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}", str(path)]
    transform = ["--data-transform", "gitlab-ci"] if kind == "gitlab-ci" else []
    return subprocess.run([*command, *transform], check=False, capture_output=True).returncode


@pytest.mark.parametrize("name", KINDS)
def test_every_script_passes_shellcheck_and_a_bad_one_does_not(root: Path, name: str) -> None:
    scripts = list(_scripts(yaml.safe_load((root / name).read_text(encoding="utf-8"))))
    assert any("env promote" in script for script in scripts)
    assert [_checked(script) for script in scripts] == [0] * len(scripts)
    assert _checked("rm $1/*") == 1


def _scripts(workflow: dict[str, Any]) -> Iterator[str]:
    for job in (*workflow.get("jobs", {}).values(), *workflow.values()):
        if isinstance(job, dict):
            yield from (step["run"] for step in job.get("steps", ()) if "run" in step)
            yield from job.get("script", ())


def _checked(script: str) -> int:
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [str(shellcheck), "--shell", "bash", "-"]
    return subprocess.run(command, input=script, text=True, check=False, capture_output=True).returncode
