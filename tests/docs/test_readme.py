"""Every block of the README is executed: files are written, commands run, their screens compared."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.docs.blocks import Block, blocks_of, commands_of, without_chance

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "160", "PYTHONUTF8": "1"}


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def run_console(block: Block, lake: Path) -> None:
    for command, expected in commands_of(block.text):
        program, *words = command.split()
        assert program == "lakeflow", command
        done = python("-m", "lakeflow.cli", *words, cwd=lake)
        assert without_chance(done.stdout) == without_chance(expected), f"{done.stdout}\n{done.stderr}"


def run_python(block: Block, lake: Path) -> None:
    done = python("-W", "error", "-c", block.text, cwd=lake)
    assert done.returncode == 0, done.stderr


def run_shell(block: Block) -> None:
    """An install line must name our own distribution, a make target must exist."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    for line in block.text.splitlines():
        if line.startswith("make "):
            subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            assert line == f"pip install {name}", line


def test_every_block_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    for block in blocks_of(ROOT / "README.md"):
        if block.path:
            target = tmp_path / block.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.language == "console":
            run_console(block, tmp_path)
        elif block.language == "python":
            run_python(block, tmp_path)
        else:
            assert block.language == "sh", block
            run_shell(block)


def test_no_page_names_the_other_distribution_in_an_install_line() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md"]:
        assert "pip install lakeflow\n" not in page.read_text(), page
        assert "pip install lakeflow " not in page.read_text(), page
