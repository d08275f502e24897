"""Documentation that is executed: captioned files are written, commands run, Python run, in the order of the page.

`python -m tests.docs.pages README.md docs/layers.md` (all pages without arguments) writes into the pages what the
commands say today; lines that differ by chance alone stay as they are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.docs.blocks import Block, blocks_of, commands_of, without_chance

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "160", "PYTHONUTF8": "1"}
PAGES = ("README.md", "docs/layers.md")
"""Pages with nothing in them that is not executed, each in a lake of its own."""


def said_today(page: Path, lake: Path) -> str:
    """The page as it would be written today. AssertionError at a block that cannot be executed or fails."""
    (lake / "pyproject.toml").write_text("[tool.lakeflow]\n")
    text = page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        if block.path:
            _write(block, lake)
        elif block.language == "console":
            text = text.replace(block.text, "".join(_console(block, lake)), 1)
        elif block.language == "python":
            _python(block, lake)
        else:
            assert block.language == "sh", block
            _shell(block)
    return text


def _write(block: Block, lake: Path) -> None:
    target = lake / block.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(block.text)


def _console(block: Block, lake: Path) -> Iterator[str]:
    for command, shown in commands_of(block.text):
        yield f"$ {command}\n"
        said = _said(command, lake)
        yield shown if without_chance(shown) == without_chance(said) else said


def _said(command: str, lake: Path) -> str:
    """What a command prints on stdout; others than ours are the shell's."""
    program, *words = shlex.split(command)
    if program != "lakeflow":
        done = subprocess.run(command, cwd=lake, shell=True, capture_output=True, text=True, check=True)
        return done.stdout
    return _process("-m", "lakeflow.cli", *words, cwd=lake).stdout


def _python(block: Block, lake: Path) -> None:
    done = _process("-W", "error", "-c", block.text, cwd=lake)
    assert done.returncode == 0, done.stderr


def _shell(block: Block) -> None:
    """An install line must name our own distribution, a make target must exist."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    for line in block.text.splitlines():
        if line.startswith("make "):
            subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            assert line == f"pip install {name}", line


def _process(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def main() -> None:
    for name in sys.argv[1:] or PAGES:
        with tempfile.TemporaryDirectory() as lake:
            (ROOT / name).write_text(said_today(ROOT / name, Path(lake)), encoding="utf-8")


if __name__ == "__main__":
    main()
