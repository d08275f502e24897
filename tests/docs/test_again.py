"""`.ci/again` runs a failed test once more, alone, and names it when it then passes (docs/decisions/0212)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

CHANCE = """
from pathlib import Path

def test_that_passes(): ...

def test_of_chance():
    tried = Path("tried")
    before = tried.exists()
    tried.touch()
    assert before
"""


def again(project: Path, tests: str) -> tuple[int, str]:
    """What `.ci/again` says of these tests under the settings of ours."""
    (project / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "again", project / ".ci" / "again")
    shutil.copy(ROOT / "pyproject.toml", project)
    (project / ".venv").symlink_to(sys.prefix)
    (project / "tests").mkdir()
    (project / "tests" / "test_some.py").write_text(tests)
    ran = subprocess.run([".ci/again", ".venv/bin/pytest"], cwd=project, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout


@pytest.mark.long
def test_a_test_that_passes_alone_is_named_and_holds_nothing_up(tmp_path: Path) -> None:
    code, said = again(tmp_path, CHANCE)
    assert said.rstrip().endswith("FAILED, THEN PASSED: tests/test_some.py::test_of_chance")
    assert code == 0


@pytest.mark.long
def test_a_test_that_fails_twice_has_failed(tmp_path: Path) -> None:
    code, said = again(tmp_path, "def test_wrong(): assert False")
    assert code != 0
    assert "THEN PASSED" not in said


@pytest.mark.long
def test_four_failures_are_no_chance(tmp_path: Path) -> None:
    code, said = again(tmp_path, "".join(f"def test_{n}(): assert False\n" for n in range(4)))
    assert code != 0
    assert said.count("test session starts") == 1
