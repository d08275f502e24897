"""The command line as a person starts it: a process of its own."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from lakeflow.adapters.processes import child
from tests.cli.environment import CLEAN
from tests.cli.forks import COLUMNS, Forks

__all__ = ["CLEAN", "here", "lakeflow", "main", "python", "run"]


def lakeflow(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """In a fork of a process that has imported everything; in a whole new one where the interpreter is to be told."""
    if any(name.startswith("PYTHON") for name in env):
        return run([sys.executable, "-m", "lakeflow.cli", *arguments], cwd=cwd, env=env)
    said = _forks().piped(*arguments, cwd=cwd or Path.cwd(), env=env)
    return subprocess.CompletedProcess(["lakeflow", *arguments], said.code, said.out, said.err)


def here(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """In this process, for tests of what is done rather than of the command that does it."""
    from lakeflow.cli.main import run as command

    width = patch.dict(os.environ, {"COLUMNS": str(COLUMNS)})
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err, chdir(cwd), width:
        code = _left(lambda: command(arguments))
    return subprocess.CompletedProcess(["lakeflow", *arguments], code, out.getvalue(), err.getvalue())


def _left(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as left:
        return int(left.code or 0)


def python(script: str, *, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", script], cwd=cwd, env=env)


def main(module: str, said: str, *, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE`, with `said` to read: it has imported what workers have."""
    command = [sys.executable, "-P", "-m", module]
    with tempfile.TemporaryFile() as heard, chdir(cwd):
        started = child._start(command, heard, child._environment() | env)
        assert started.stdin is not None
        assert started.stdout is not None
        with started.stdin:
            started.stdin.write(said.encode())
        with started.stdout:
            out = started.stdout.read().decode()
        code = started.wait()
        heard.seek(0)
        return subprocess.CompletedProcess(command, code, out, heard.read().decode())


def run(command: list[str], *, cwd: Path | None, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    encoding = env.get("PYTHONIOENCODING", "utf-8")
    return subprocess.run(
        command, cwd=cwd, env={**CLEAN, **env}, capture_output=True, encoding=encoding, check=False, timeout=120
    )


@cache
def _forks() -> Forks:
    """One for all tests of this session."""
    server = Forks()
    atexit.register(server.close)
    return server
