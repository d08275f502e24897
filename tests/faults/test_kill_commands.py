"""Every command that writes, killed with SIGKILL at its operations, and what is typed next killed as well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.commands import COMMANDS

ROOT = Path(__file__).parents[2]
NAMES = [command.name for command in COMMANDS]
STRIDE = int(os.environ.get("LAKEFLOW_TEST_STRIDE", "1"))
"""Every so many operations, of a command and of what is typed after it."""


def swept(folder: Path, command: str, *, first: int, stride: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the command does when nothing kills it, and what was found after each kill."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.faults.sweep", str(folder), command, str(first), str(stride)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    whole, *found = [json.loads(line) for line in done.stdout.splitlines()]
    return whole, found


def assert_all_is_well(whole: dict[str, Any], found: list[dict[str, Any]]) -> None:
    """I1 to I7 of the design, and that what was typed next ended well: only this can be seen, before and after."""
    assert found
    for point in found:
        assert point["seen"] in whole["stages"], point
        assert point["after"] == whole["stages"][-1], point
        assert point["well"], point
        assert (point["broken"], point["running"], point["branches"], point["leases"]) == ([], [], [], 0), point
        assert point["lost"] == 0, point


@pytest.mark.long
@pytest.mark.parametrize(("command", "first"), [("retry", 60), ("supersede", 150)])
def test_a_command_killed_at_an_operation_is_finished_by_what_is_typed_next(
    command: str, first: int, in_memory: Path
) -> None:
    assert_all_is_well(*swept(in_memory, command, first=first, stride=10_000))


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("command", NAMES)
def test_a_command_killed_at_any_operation_is_finished_by_what_is_typed_next(command: str, in_memory: Path) -> None:
    """Those killed in the middle are finished by a command that is killed, too, at some of its operations."""
    assert_all_is_well(*swept(in_memory, command, first=1, stride=STRIDE))
