from __future__ import annotations

import pytest

from lakeflow.core.errors import Fault, LakeError, ProjectError
from lakeflow.core.view.findings import (
    GIGABYTE,
    Finding,
    Level,
    disk,
    in_range,
    libraries,
    of_error,
    python,
    requirement_names,
)


@pytest.mark.parametrize(
    ("version", "wanted", "holds"),
    [
        ("2.0.0", ">=2.0,<2.1", True),
        ("2.1.0", ">=2.0,<2.1", False),
        ("2.0", "<2.1,>=2.0.0", True),
        ("1.24.1", ">=1.9,<2", True),
        ("1.8.9", ">=1.9,<2", False),
        ("0.12.0rc1", ">=0.12.0,<0.13", True),
        ("0.0.3", "==0.0.3", True),
        ("3", ">3", False),
        ("3", "<=3.0", True),
        ("99", "", True),
    ],
)
def test_a_version_lies_in_a_range_or_not(version: str, wanted: str, holds: bool) -> None:
    assert in_range(version, wanted) is holds


def test_a_library_is_there_in_range_or_named_with_what_to_type() -> None:
    required = ["duckdb<2.1,>=2.0", "pyiceberg[pyarrow]>=0.12", "rich>=13", "pytest>=8; extra == 'dev'"]
    found = list(libraries(required, {"duckdb": "2.1.3", "pyiceberg": None, "rich": "15.0.0"}))
    assert [one.level for one in found] == [Level.PROBLEM, Level.PROBLEM, Level.OK]
    assert found[0].hint == "python -m pip install 'duckdb<2.1,>=2.0'"
    assert "cannot be imported" in found[1].message
    assert requirement_names(required) == ("duckdb", "pyiceberg", "rich")


def test_an_old_python_is_a_problem() -> None:
    assert python("3.10.2", ">=3.11").level is Level.PROBLEM
    assert python("3.13.0", ">=3.11").level is Level.OK


@pytest.mark.parametrize(("free", "level"), [(50, Level.OK), (2, Level.WARNING), (0.1, Level.PROBLEM)])
def test_a_full_disk_is_told_before_it_is_full(free: float, level: Level) -> None:
    assert disk("/lake", int(free * GIGABYTE)).level is level


def test_every_fault_of_the_files_is_a_finding_of_its_own() -> None:
    faults = [Fault("layers/gold/a.sql", 3, "no such column", "name one"), Fault("b.py", 1, "bad", "mend it")]
    assert [one.hint for one in of_error("project", ProjectError(faults))] == ["mend it", "name one"]
    assert of_error("lake", LakeError("gone")) == (Finding(Level.PROBLEM, "lake", "gone", ""),)
