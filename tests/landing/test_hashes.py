"""Content hashes are remembered only where that cannot hide a change."""

from __future__ import annotations

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from lakeflow.adapters.machine.files.source_files import Hashes, changed_files, find_files
from lakeflow.adapters.machine.sealed import write_sealed


def remembered(path: Path) -> dict[str, str]:
    """Behind the seal, by identity."""
    found: dict[str, str] = json.loads(path.read_text().partition("\n")[2])
    return found


@pytest.mark.long
def test_a_memory_that_somebody_else_wrote_does_not_say_what_has_landed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It calls a new file by the content of one that is loaded already, which would leave its rows out."""
    (tmp_path / "new.csv").write_text("new rows")
    time.sleep(2.1)
    (found,) = find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"])
    poison = json.dumps({found.identity: hashlib.sha256(b"old rows").hexdigest()})
    (tmp_path / "hashes.json").write_text(poison)
    assert find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"]) == (found,)
    with monkeypatch.context() as theirs:
        theirs.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
        write_sealed(tmp_path / "hashes.json", poison)
    assert find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"]) == (found,)
    write_sealed(tmp_path / "hashes.json", poison)
    assert find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"]) != (found,), "sealed, it would be believed"


@pytest.mark.long
def test_a_change_under_the_old_size_and_time_is_seen(tmp_path: Path) -> None:
    """A copy tool that keeps times must not hide new content."""
    path, hashes = tmp_path / "a.csv", Hashes(tmp_path / "state" / "hashes.json")
    path.write_text("one")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    time.sleep(2.1)
    before = find_files(tmp_path, hashes, ["*.csv"])
    assert len(remembered(tmp_path / "state" / "hashes.json")) == 1
    assert find_files(tmp_path, hashes, ["*.csv"]) == before
    path.write_text("two")
    os.utime(path, ns=times)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (3, times[1])
    assert find_files(tmp_path, hashes, ["*.csv"])[0].hash != before[0].hash
    assert changed_files(tmp_path, before) == ("a.csv",)


@pytest.mark.long
def test_a_file_that_stands_as_it_was_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only when it was old enough that a change must show: its times would tell."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    young = find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"])
    time.sleep(2.1)
    old = find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"])
    read = list[str]()

    def digest(file: BinaryIO, kind: str) -> Any:
        read.append(Path(file.name).name)
        return hashlib.new(kind, file.read())

    monkeypatch.setattr("lakeflow.adapters.machine.files.source_files.hashlib.file_digest", digest)
    assert (changed_files(tmp_path, old), read) == ((), [])
    assert (changed_files(tmp_path, young), read) == ((), ["a.csv", "b.csv"])
    (tmp_path / "b.csv").unlink()
    assert changed_files(tmp_path, old) == ("b.csv",)


@pytest.mark.long
def test_sources_that_are_looked_through_side_by_side_are_all_remembered(tmp_path: Path) -> None:
    hashes, names = Hashes(tmp_path / "hashes.json"), [f"{number}.csv" for number in range(40)]
    for name in names:
        (tmp_path / name).write_text(name)
    time.sleep(2.1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: find_files(tmp_path, hashes, [name]), names))
    assert len(remembered(tmp_path / "hashes.json")) == len(names)


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one")
    hashes = Hashes(tmp_path / "hashes.json")
    assert find_files(tmp_path, hashes, ["*.csv"])[0].hash
    assert not (tmp_path / "hashes.json").exists()


def test_a_damaged_memory_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one")
    (tmp_path / "hashes.json").write_text("{")
    assert find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv"])[0].hash


def test_files_are_named_from_the_root_once_and_hidden_ones_are_left_out(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden.csv"):
        (tmp_path / name).write_text(name)
    (tmp_path / "empty.csv").touch()
    found = find_files(tmp_path, Hashes(tmp_path / "hashes.json"), ["*.csv", "a*"])
    assert [(file.name, file.problem) for file in found] == [
        ("a.csv", ""),
        ("b.csv", ""),
        ("empty.csv", "the file is empty"),
    ]
