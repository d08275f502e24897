"""What CI runs is what a contributor can type, on every platform and Python that the package says it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests import sampled
from tests.docs.pages import ROOT

WORKFLOWS = (".github/workflows/ci.yml", ".github/workflows/nightly.yml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _read(path: str) -> Any:
    return YAML(typ="safe").load((ROOT / path).read_text(encoding="utf-8"))


def _commands(path: str) -> str:
    steps = [step for job in _read(path)["jobs"].values() for step in job["steps"]]
    return "\n".join(step["run"] for step in steps if "run" in step)


def test_ci_runs_on_every_python_and_platform_of_the_package_with_lowest_and_newest_dependencies() -> None:
    matrix = _read(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]
    said = {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)}
    assert set(matrix["python"]) == said == {"3.11", "3.12", "3.13"}
    assert set(matrix["os"]) == {"ubuntu-latest", "macos-latest"}
    assert set(matrix["dependencies"]) == {"lowest", "newest"}
    assert {f"install-{each}" for each in matrix["dependencies"]} <= TARGETS


def test_what_ci_makes_can_be_made() -> None:
    both = "\n".join([*map(_commands, WORKFLOWS), (ROOT / ".ci" / "run").read_text(encoding="utf-8")])
    made = set(re.findall(r"^(?:\S+=\S+ )*(?:\.ci/again )?make ([a-z-]+)", both, re.MULTILINE))
    assert made >= {"setup", "check", "test", "test-long", "demo", "test-spark"}
    assert made <= TARGETS


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_every_form_and_workflow_is_yaml_with_a_name(path: Any) -> None:
    read = _read(str(path.relative_to(ROOT)))
    assert read.get("name") or path.name == "config.yml"


def test_a_night_runs_all_of_what_a_change_is_tried_on_in_part() -> None:
    in_part = re.findall(r"LAKEFLOW_TEST_EACH=.*make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    nightly = _read(".github/workflows/nightly.yml")
    whole = nightly["jobs"]["whole"]["strategy"]["matrix"]["tests"]
    assert in_part
    assert {*in_part} <= {*whole} <= TARGETS
    assert sampled.EACH not in nightly["env"]


@pytest.mark.long
def test_of_the_tests_asked_for_the_first_of_each_so_many_are_left() -> None:
    asked = ["-q", "--collect-only", "-m", "not sampled", "-n", "0", "tests/core/test_verdict.py"]

    def collected(**variables: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *asked],
            cwd=ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return [line for line in done.stdout.splitlines() if "::" in line]

    whole = collected(**{sampled.EACH: "1"})
    assert len(whole) > 3
    assert collected(**{sampled.EACH: "3"}) == whole[::3]


@pytest.mark.parametrize("path", WORKFLOWS)
def test_no_workflow_may_write_to_the_repository(path: str) -> None:
    assert _read(path)["permissions"] == {"contents": "read"}


def test_what_a_commit_runs_can_be_made() -> None:
    (local,) = _read(".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in local["hooks"]]
    assert {entry.split()[1] for entry in entries} <= TARGETS
    named = [path for entry in entries for path in re.findall(r"tests/[\w/]+\.py", entry)]
    assert all((ROOT / path).is_file() for path in named)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_make_alone_lists_every_target_with_what_it_does() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    named = dict(re.findall(r"^  make ([a-z-]+) +(.+)$", listed, re.MULTILINE))
    assert set(named) == {target for target in TARGETS if not target.startswith("install-")}
    assert all(named.values())
