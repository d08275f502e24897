"""Who may only read a lake sees it: everything that looks works where nothing may be written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import lakeflow

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/n.sql": "select range as n from range(3)\n",
    "layers/silver/n.sql": '/*\nkey = ["n"]\n*/\nselect n from bronze.n\n',
    "checks/silver/n.no.sql": "select n from silver.n where n > 1\n",
}
KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("pragma wal_autocheckpoint = 0")
connection.execute("update lakeflow_runs set actor = 'somebody else'")
os._exit(9)
"""
LOOKS = (
    "status",
    "plan",
    "show silver.n --ref held --failing",
    *(
        pytest.param(words, marks=pytest.mark.long)
        for words in ("show bronze.n", "lineage", "runs", "snapshots bronze.n", "list")
    ),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with lakeflow.open(root) as lake:
        lake.materialize()
    return root


def read_only(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    """The command line on a lake in which nobody may write: root may everywhere but on a mount that says so."""
    here, run = shlex.quote(str(root)), f"{sys.executable} -m lakeflow.cli {command}"
    mount = f"mount --bind {here} {here} && mount -o remount,bind,ro {here} && cd {here} && {run}"
    if os.geteuid() == 0:
        return subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, check=False)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        return subprocess.run(["sh", "-c", f"cd {here} && {run}"], capture_output=True, text=True, check=False)
    finally:
        for folder in folders:
            folder.chmod(0o755)


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("command", LOOKS)
def test_a_look_works_without_the_right_to_write(root: Path, command: str) -> None:
    done = read_only(root, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


@pytest.mark.long
def test_what_a_killed_writer_left_in_the_log_is_seen_with_and_without_its_index(root: Path) -> None:
    database = root / ".lakeflow/catalog.db"
    subprocess.run([sys.executable, "-c", KILLED, str(database)], check=False)
    log, index = database.with_name("catalog.db-wal"), database.with_name("catalog.db-shm")
    assert log.stat().st_size
    assert "somebody else" in read_only(root, "runs -o csv").stdout
    index.unlink()
    done = read_only(root, "runs -o csv")
    assert "somebody else" in done.stdout, done.stderr
    assert not index.exists()


@pytest.mark.long
def test_a_run_says_that_it_may_not_write(root: Path) -> None:
    done = read_only(root, "materialize --force")
    assert done.returncode == 2
    assert "cannot be opened for writing" in done.stderr
