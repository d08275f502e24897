"""`lakeflow ui` as a process of its own, asked for its address and told to end."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.environment import CLEAN


@contextmanager
def served(root: Path, *options: str, **environment: str) -> Iterator[str]:
    """The address that it says."""
    command = [sys.executable, "-m", "lakeflow.cli", "-C", str(root), "ui", "--port", "0", *options]
    with subprocess.Popen(
        command, env={**CLEAN, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.match(r"https?://\S+", said)
        assert found, said
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(60) == 0
