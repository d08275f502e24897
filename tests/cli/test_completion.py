"""Tab completes commands, options and asset names, at once: no project is loaded for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakeflow.cli.completion import asset_names, column_names
from tests.cli.process import CLEAN, lakeflow, python
from tests.cli.test_commands import make

PYTHON = """
import lakeflow
from lakeflow import asset
raise SystemExit("completion must not run this")

@asset
def bare(): ...

@lakeflow.asset(key="id")
def called(): ...

def helper(): ...
"""
FILES = {
    "layers/bronze/sales.sql": "this is no SQL at all",
    "layers/silver/deep/er/sales.sql": "",
    "layers/silver/people.py": PYTHON,
    "layers/silver/_helper.py": "@asset\ndef no(): ...",
    "layers/gold/broken.py": "def (",
    "layers/gold/totals.sql": "",
    "layers/platinum/x.sql": "",
}
HEAVY = ("duckdb", "pyiceberg", "pyarrow", "pandas", "great_expectations", "sqlalchemy", "sqlglot", "pydantic", "numpy")
HEAVY_OURS = ("lakeflow.lake.lake", "lakeflow.project", "lakeflow.lake.assembly")
LOADED = """
import json, sys
from lakeflow.cli.main import run
try:
    run([])
except SystemExit:
    print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make(tmp_path, FILES)


def asked(*words: str, shell: str = "bash") -> dict[str, str]:
    """What a shell tells about the line; the last word is the one that is being typed."""
    return {
        "_LAKEFLOW_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(("lakeflow", *words)),
        "COMP_CWORD": str(len(words)),
    }


def completed(*words: str, cwd: Path) -> list[str]:
    done = lakeflow(cwd=cwd, **asked(*words))
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_asset_names_are_those_of_the_files_of_the_layers(project: Path) -> None:
    names = ["bronze.sales", "gold.totals", "silver.bare", "silver.called", "silver.sales"]
    assert asset_names(project) == names
    assert asset_names(project / "layers/silver/deep") == names


def test_where_there_is_no_project_there_are_no_names(tmp_path: Path) -> None:
    assert asset_names(tmp_path) == []


@pytest.mark.long
def test_commands_options_and_assets_are_completed(project: Path) -> None:
    assert completed("sn", cwd=project) == ["snapshots"]
    assert "--as-of" in completed("show", "--", cwd=project)
    assert completed("show", "silver.", cwd=project) == ["silver.bare", "silver.called", "silver.sales"]
    assert completed("plan", "gold.totals", "--exclude", "b", cwd=project) == ["bronze.sales"]
    assert "show" in completed("no_such_command", "s", cwd=project)


def test_what_stands_before_a_name_in_a_selection_is_kept(project: Path) -> None:
    assert completed("plan", "+go", cwd=project) == ["+gold.totals"]
    assert completed("plan", "bronze.sales,2+g", cwd=project) == ["bronze.sales,2+gold.totals"]
    assert completed("plan", "gold.totals+", cwd=project) == []


def test_the_project_named_on_the_line_is_the_one_looked_at(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    assert completed("-C", str(project), "show", "g", cwd=elsewhere) == ["gold.totals"]


@pytest.mark.parametrize("words", [("",), ("show", "s"), ("materialize", "+s"), ("runs", "--"), ("list", "s")])
def test_completion_loads_nothing_heavy(project: Path, words: tuple[str, ...]) -> None:
    done = python(LOADED, cwd=project, **asked(*words))
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not [name for name in (*HEAVY, *HEAVY_OURS) if name in loaded]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script_of_its_own(shell: str, tmp_path: Path) -> None:
    done = lakeflow(cwd=tmp_path, _LAKEFLOW_COMPLETE=f"{shell}_source")
    assert f"{shell}_complete" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_with_the_script_that_it_is_given(project: Path, tmp_path: Path) -> None:
    command = tmp_path / "bin" / "lakeflow"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lakeflow.cli "$@"\n')
    command.chmod(0o755)
    script = (
        'eval "$(_LAKEFLOW_COMPLETE=bash_source lakeflow)"; COMP_WORDS=(lakeflow show gold.); COMP_CWORD=2; '
        '_lakeflow_completion lakeflow; echo "${COMPREPLY[@]}"'
    )
    env = {**CLEAN, "PATH": f"{command.parent}:{CLEAN['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=project, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "gold.totals\n", done.stderr


def test_with_columns_the_columns_of_an_asset_are_completed_as_its_file_names_them(tmp_path: Path) -> None:
    folder = tmp_path / "layers/gold"
    folder.mkdir(parents=True)
    text = "/*\n[columns.shop]\n*/ select shop, sum(total) as turnover,\n count(*) as sales from silver.sales"
    (folder / "shops.sql").write_text(text)
    assert column_names(tmp_path, "gold.shops") == ["shop", "turnover", "sales"]
    assert column_names(tmp_path, "gold.none") == []
