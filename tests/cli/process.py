"""The command line as a person starts it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CLEAN = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "LAKEFLOW_DEBUG"}}


def lakeflow(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lakeflow.cli", *arguments]
    return run(command, cwd=cwd, env=env)


def python(script: str, *, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", script], cwd=cwd, env=env)


def run(command: list[str], *, cwd: Path | None, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(
        command, cwd=cwd, env={**CLEAN, **env}, capture_output=True, encoding=encoding, check=False, timeout=120
    )
