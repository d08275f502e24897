"""The version is said in one way everywhere, the changelog can be read, and a release is what its description says."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from ruamel.yaml import YAML

import lakeflow
from tests.docs.pages import ROOT

CHANGELOG: Final = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
VERSION: Final[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
RELEASED: Final = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", CHANGELOG, re.MULTILINE)


def workflow() -> Any:
    return YAML(typ="safe").load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))


def test_the_command_the_package_and_the_changelog_name_the_version_of_the_project() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "lakeflow.cli", "--version"], capture_output=True, text=True, check=True, timeout=120
    )
    assert said.stdout == f"lakeflow, version {VERSION}\n"
    assert lakeflow.__version__ == VERSION == RELEASED[0][0]


def test_the_changelog_is_kept_as_its_format_says() -> None:
    titles = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    assert titles == ["[Unreleased]", *(f"[{version}] - {day}" for version, day in RELEASED)]
    days = [date.fromisoformat(day) for _, day in RELEASED]
    assert days == sorted(days, reverse=True)
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_what_a_release_brings_can_be_read() -> None:
    for section in re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[2:]:
        assert len(section.splitlines()) <= 100, section.partition("\n")[0]


def test_only_a_tag_releases_and_only_the_job_that_publishes_may_ask_for_an_identity() -> None:
    read = workflow()
    assert read["on"] == {"push": {"tags": ["v*"]}}
    assert read["permissions"] == {"contents": "read"}
    granted = {name: job["permissions"] for name, job in read["jobs"].items() if "permissions" in job}
    assert granted == {"publish": {"id-token": "write"}}
    assert read["jobs"]["publish"]["needs"] == "build"


def test_no_secret_is_used() -> None:
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")


def test_a_release_tries_its_wheel_and_compares_its_tag() -> None:
    commands = [step.get("run", "") for step in workflow()["jobs"]["build"]["steps"]]
    assert "make wheel" in commands
    assert any("GITHUB_REF_NAME#v" in command for command in commands)


@pytest.mark.long
def test_the_wheel_alone_makes_the_sample_project_and_checks_it(tmp_path: Path) -> None:
    """With the dependencies of this environment, and nothing of the repository; `make wheel` brings its own."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"lakeflow_wap-{VERSION}-py3-none-any.whl"
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    run = f"import sys; sys.path.insert(0, {str(target)!r}); from lakeflow.cli.main import main; main()"
    for words, code in ((["init", "."], 0), (["check"], 0)):
        done = subprocess.run(
            [sys.executable, "-c", run, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
