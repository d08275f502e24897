"""Documentation that is executed: captioned files are written, commands run, Python run, in the order of the page.

`python -m tests.docs.pages README.md docs/layers.md` (all pages without arguments) writes into the pages what the
commands say today; a page whose screens differ by chance alone stays as it is.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import click

from lakeflow.cli.main import cli
from lakeflow.core.declare.declaration import HEADER_FIELDS, read_declaration
from lakeflow.core.declare.sql_header import read_header
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.settings.settings import make_settings
from lakeflow.core.sql.query import Allowed
from lakeflow.core.sql.reader import read_query
from tests.cli import process
from tests.docs.blocks import Block, blocks_of, commands_of, ids_of, without_chance

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "NO_COLOR": "1",
    "LOGNAME": "ada",
    "COLUMNS": "160",
    "POLARS_ICEBERG_PLANNER": "pyiceberg",  # its own planner is a package more, and it warns without
}

COMMANDS = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("PYTHON")}
_OWN = re.compile(r"""lakeflow [\w .:+/@"',=-]*""")
"""A line of which a shell would make nothing but words."""


class Lake:
    """A folder in which a page is executed: where its shell stands, and which ids of the page mean which of today."""

    def __init__(self, root: Path) -> None:
        self.standing = root
        self.ids: dict[str, str] = {}
        (root / "pyproject.toml").write_text("[tool.lakeflow]\n")

    def write(self, block: Block) -> None:
        target = self.standing / block.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)

    def console(self, block: Block) -> str:
        """The block as a terminal would show it today."""
        return "".join(f"$ {self._today(line)}\n{self._say(line, shown)}" for line, shown in commands_of(block.text))

    def python(self, block: Block) -> None:
        done = process.main("tests.docs.executed", block.text, cwd=self.standing, **COMMANDS)
        assert done.returncode == 0, done.stderr

    def _today(self, text: str) -> str:
        return re.sub("|".join(map(re.escape, self.ids)), lambda found: self.ids[found[0]], text) if self.ids else text

    def _say(self, line: str, shown: str) -> str:
        if line.startswith("cd "):
            self.standing = self.standing / line.removeprefix("cd ")
            return ""
        said = self._shell(self._today(line))
        self.ids |= dict(zip(ids_of(shown), ids_of(said), strict=False))
        return said

    def _shell(self, line: str) -> str:
        """What the line prints on stdout, and what it refuses on stderr; no command may be unknown."""
        done = self._own(shlex.split(line)) if _OWN.fullmatch(line) else self._any(line)
        assert done.returncode not in (126, 127), done.stderr
        refused = done.stderr if done.returncode == 2 else ""
        return done.stdout + refused

    def _own(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return process.lakeflow(*words[1:], cwd=self.standing, **COMMANDS)

    def _any(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line,
            cwd=self.standing,
            env=ENVIRONMENT,
            shell=True,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


def said_today(page: Path, root: Path) -> str:
    """The page as it would be written today. AssertionError at a block that cannot be executed, or fails."""
    lake, text = Lake(root), page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        if block.path:
            lake.write(block)
        elif block.language == "console":
            text = text.replace(block.text, lake.console(block), 1)
        elif block.language == "python":
            lake.python(block)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "sql":
            _parse(block)
        elif block.language == "toml":
            _settings(block)
        else:
            assert block.language == "sh", block
            _shell_lines(block)
    return text


def pages() -> list[str]:
    """Every page for users. Decisions are arguments and not instructions; they have no blocks to execute."""
    return ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def _parse(block: Block) -> None:
    """A SELECT without a file of its own is at least one that we can read."""
    header = read_header(block.text, "")
    external = frozenset(header.fields.get("external", ()))
    query = read_query(block.text, "", Allowed(frozenset({LANDED_ROWS}), external))
    assert not (*header.faults, *query.faults), block


def _settings(block: Block) -> None:
    """Tables of pyproject.toml, or of a SQL header, with keys and values that we take."""
    said = tomllib.loads(block.text)
    for values in said.pop("tool", {}).values():
        make_settings(values, dict.fromkeys(values, "the page"), os.environ)
    _, flaws = read_declaration(said, HEADER_FIELDS)
    assert not flaws, flaws


def _parse_command(words: list[str]) -> None:
    """UsageError for a command line that is none; it is not carried out."""
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, words
    command.make_context(words[0], words[1:])


def _shell_lines(block: Block) -> None:
    """An install line must name our own distribution, a make target must exist, and so must a command's options."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]
    for line in block.text.splitlines():
        program, *words = shlex.split(line, comments=True) or [""]
        if program == "lakeflow":
            _parse_command(words)
        elif line.startswith("make "):
            subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            assert line in {"pip install .", f"pip install ./{name}"}, line


def main() -> None:
    for name in sys.argv[1:] or pages():
        with tempfile.TemporaryDirectory() as lake:
            today = said_today(ROOT / name, Path(lake))
        if without_chance(today) != without_chance((ROOT / name).read_text(encoding="utf-8")):
            (ROOT / name).write_text(today, encoding="utf-8")
            sys.stdout.write(f"{name} says what the commands say today\n")


if __name__ == "__main__":
    main()
