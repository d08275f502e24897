"""Another tool that does the lake's work, from an environment of its own: tools want other releases of a library."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measure import Cost, cost_of

_HOME: Final = Path(__file__).parents[3] / "build" / "peers"


@dataclass(frozen=True)
class Peer:
    """`requirements` as pip takes them; `command` does all the work in the lake's folder, into `database`, a file of
    DuckDB; `keeps` is what the tool would find again in a later run.
    """

    requirements: tuple[str, ...]
    command: tuple[str, ...]
    database: str
    keeps: tuple[str, ...]
    lay_down: Callable[[Path], None]

    def work(self, root: Path) -> Cost:
        """From nothing, and after the disk has what was written before."""
        program, *arguments = self.command
        for kept in self.keeps:
            shutil.rmtree(root / kept, ignore_errors=True)
        (root / self.database).unlink(missing_ok=True)
        os.sync()
        return cost_of([str(self._programs() / program), *arguments], root)

    def _programs(self) -> Path:
        """The folder with the tool's commands, installed once. CalledProcessError where no package index has it."""
        folder = _HOME / hashlib.sha256("\n".join(self.requirements).encode()).hexdigest()[:12]
        done = folder / ".installed"
        if not done.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*install, *self.requirements], check=True)
            done.touch()
        return folder / "bin"
