"""What does not fit into memory: each owner has a folder of its own, and only what a dead one left is swept away."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeflow.adapters.duckdb.instance.spill import OwnFolder, sweep

OWN = """
import os, sys
from pathlib import Path
from lakeflow.adapters.duckdb.instance.spill import OwnFolder
own = OwnFolder(Path(sys.argv[1]), "duckdb")
own.path.mkdir()
(own.path / "rows.tmp").touch()
print(own.path, flush=True)
sys.stdin.readline()
"""


def owner(spill: Path, *under: str) -> tuple[subprocess.Popen[str], Path]:
    """A process with spill, in a container of its own where `under` makes one."""
    process = subprocess.Popen(
        [*under, sys.executable, "-c", OWN, str(spill)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def left(spill: Path) -> list[str]:
    return sorted(path.name for path in spill.iterdir())


def test_what_a_living_process_spilled_stays_and_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    (dead, lost), (alive, kept) = owner(tmp_path), owner(tmp_path)
    dead.kill()
    dead.communicate()
    sweep(tmp_path)
    assert not lost.exists()
    assert left(tmp_path) == sorted([kept.name, f"{kept.name}.lock"])
    alive.communicate("go\n")


def _namespaces() -> bool:
    asked = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "true"]
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _namespaces(), reason="no namespaces here")
def test_a_process_of_another_container_keeps_its_spill_though_its_number_means_nothing_here(tmp_path: Path) -> None:
    """Both look at one folder: there it is process 1 or 2, here another one has that number, or none."""
    alive, kept = owner(tmp_path, "unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    sweep(tmp_path)
    assert (kept / "rows.tmp").exists()
    swept = "import sys, pathlib, lakeflow.adapters.duckdb.instance.spill as s; s.sweep(pathlib.Path(sys.argv[1]))"
    there = ["unshare", "--user", "--map-root-user", "--pid", "--fork", sys.executable, "-c", swept, str(tmp_path)]
    subprocess.run(there, check=True)
    assert (kept / "rows.tmp").exists()
    alive.communicate("go\n")


def test_an_owner_in_this_process_keeps_its_own_until_it_gives_it_back(tmp_path: Path) -> None:
    own = OwnFolder(tmp_path, "landing")
    own.path.mkdir()
    sweep(tmp_path)
    assert own.path.exists()
    own.release()
    own.release()
    assert left(tmp_path) == []


def test_where_locks_are_not_known_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead, lost = owner(tmp_path)
    dead.kill()
    dead.communicate()

    def unknown(*_: object) -> None:
        raise OSError("Function not implemented")

    with monkeypatch.context() as broken:
        broken.setattr(fcntl, "flock", unknown)
        sweep(tmp_path)
        own = OwnFolder(tmp_path, "duckdb")
        own.path.mkdir()
    assert lost.exists()
    own.release()
    assert not own.path.exists()


@pytest.mark.parametrize("made", [Path.mkdir, Path.touch, lambda path: path.symlink_to("/tmp")])
def test_what_is_not_ours_stays(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "duckdb-1-precious")
    (tmp_path / "precious.lock").symlink_to(tmp_path / "elsewhere")
    sweep(tmp_path)
    assert left(tmp_path) == ["duckdb-1-precious", "precious.lock"]


def test_a_folder_that_cannot_be_written_raises_only_where_something_goes_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    own = OwnFolder(tmp_path / "file", "duckdb")
    with pytest.raises(OSError, match="Not a directory"):
        own.path.mkdir()
    own.release()


def test_a_lock_is_not_handed_on_to_programs_that_are_started(tmp_path: Path) -> None:
    """Or one that outlives its starter would keep what nobody uses."""
    own = OwnFolder(tmp_path, "duckdb")
    assert own._lock is not None
    assert not os.get_inheritable(own._lock)
    own.release()
