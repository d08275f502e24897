"""Ctrl-C where a parent has it ignored: the suite tests it all the same, and the product does as Unix wants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.environment import CLEAN

ROOT = Path(__file__).parents[2]
STATE = "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"


def _ignoring(script: str) -> str:
    """What the script prints in a process that was started as nohup and a shell's `&` start theirs."""
    command = [sys.executable, "-c", script]
    told = subprocess.run(
        command,
        cwd=ROOT,
        env=CLEAN,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    return told.stdout.strip()


@pytest.mark.long
def test_a_suite_that_is_started_in_the_background_does_not_ignore_an_interrupt() -> None:
    script = "import signal, subprocess, sys, tests.conftest\n" + STATE
    child = f"\nsubprocess.run([sys.executable, '-c', 'import signal; {STATE}'], check=True)"
    assert _ignoring(f"import signal\n{STATE}") == "True"
    assert _ignoring(script + "\nsys.stdout.flush()" + child).split() == ["False", "False"]


def test_the_command_line_leaves_an_interrupt_ignored_that_its_parent_ignores() -> None:
    script = f"""
import signal, sys
from lakeflow.cli.main import main
sys.argv = ["lakeflow", "--version"]
try:
    main()
finally:
    {STATE}
"""
    assert _ignoring(script).splitlines()[-1] == "True"


def test_this_very_process_is_ended_by_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
