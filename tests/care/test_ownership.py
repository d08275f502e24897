"""A warehouse names its lake, and no other lake reads or writes in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lakeflow.core.errors import LakeError, LakeflowError
from lakeflow.lake import care
from tests.care.lab import (
    MARKER,
    built,
    collect,
    database,
    execute,
    files,
    mark,
    project,
    rows,
    warehouse,
    without_marker,
)
from tests.cli.process import lakeflow as command
from tests.external.lab import opened


def shared(root: Path, folder: str) -> str:
    return f'warehouse = "{root}/{folder}"\n'


def refusal(root: Path) -> LakeflowError:
    """What a look and a write both say."""
    said = []
    for act in ("status", "materialize"):
        with opened(root) as lake, pytest.raises(LakeError) as caught:
            getattr(lake, act)()
        said.append(caught.value)
    assert said[0].message == said[1].message
    return said[0]


@pytest.mark.long
def test_the_first_write_marks_the_warehouse_and_a_look_does_not(tmp_path: Path) -> None:
    root = project(tmp_path / "shop")
    with opened(root) as lake:
        lake.status()
        assert not warehouse(root).exists()
        lake.materialize()
    said = mark(warehouse(root))
    assert (said["name"], said["database"]) == ("shop", str(database(root)))
    assert execute(root, "select id from lakeflow_lake") == [(said["id"],)]


@pytest.mark.long
def test_another_lakes_warehouse_is_refused_until_it_is_adopted(tmp_path: Path) -> None:
    one = built(tmp_path / "one", 1, 2, settings=shared(tmp_path, "wh"))
    two = built(tmp_path / "two", 11, 12)
    project(two, 12, settings=shared(tmp_path, "wh"))
    said = refusal(two)
    assert "belongs to another lake, lake 'one'" in said.message
    assert "lakeflow adopt --warehouse" in (said.hint or "")
    before = files(tmp_path / "wh")
    adopted = command("-C", str(two), "adopt", "--warehouse")
    assert adopted.returncode == 0, adopted.stderr
    assert rows(two) == [12]
    collect(two)
    assert files(tmp_path / "wh") == before
    assert "belongs to another lake, lake 'two'" in refusal(one).message


@pytest.mark.long
@pytest.mark.parametrize("place", [".", "layers", "filled"])
def test_a_filled_folder_is_refused_until_it_is_adopted(tmp_path: Path, place: str) -> None:
    root = project(tmp_path / "p", settings=f'warehouse = "{place}"\n')
    (root / "filled/deep").mkdir(parents=True)
    (root / "filled/deep/plan.xlsx").write_bytes(b"theirs")
    assert "the warehouse" in refusal(root).message
    before = files(root)
    care.adopt_warehouse(root)
    built(root, 1, 2, 3, 4, settings=f'warehouse = "{place}"\n')
    assert collect(root)
    assert before <= files(root)
    assert rows(root) == [4]


@pytest.mark.long
def test_an_empty_folder_and_a_new_disk_are_free(tmp_path: Path) -> None:
    (tmp_path / "wh/lost+found").mkdir(parents=True)
    (tmp_path / "wh/silver/a").mkdir(parents=True)
    (tmp_path / "wh/.gitkeep").touch()
    assert rows(built(tmp_path / "p", 1, settings=shared(tmp_path, "wh"))) == [1]


@pytest.mark.long
def test_the_folder_of_the_state_may_be_the_warehouse(tmp_path: Path) -> None:
    assert rows(built(tmp_path / "p", 1, settings='warehouse = ".lakeflow"\n')) == [1]


@pytest.mark.long
def test_a_lake_from_before_the_marker_gets_one_with_its_next_write(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    without_marker(root)
    assert rows(root) == [2]
    assert not (warehouse(root) / MARKER).exists()
    built(root, 3)
    assert execute(root, "select id from lakeflow_lake") == [(mark(warehouse(root))["id"],)]


@pytest.mark.long
def test_a_lake_that_was_moved_keeps_its_id_and_a_copy_becomes_a_lake_of_its_own(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    id_ = mark(warehouse(root))["id"]
    moved = root.rename(tmp_path / "moved")
    assert care.relocate(moved)
    assert rows(built(moved, 3)) == [3]
    assert mark(warehouse(moved)) == {
        "format": "lakeflow.lake/1",
        "id": id_,
        "name": "moved",
        "database": str(database(moved)),
    }
    copy = Path(shutil.copytree(moved, tmp_path / "copy"))
    assert care.relocate(copy)
    assert rows(built(copy, 4)) == [4]
    assert mark(warehouse(copy))["id"] != id_
    assert rows(built(moved, 5)) == [5]
    assert rows(copy) == [4]


@pytest.mark.long
def test_a_lake_from_before_the_marker_that_was_moved_is_relocated(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    without_marker(root)
    moved = root.rename(tmp_path / "moved")
    assert care.relocate(moved)
    assert rows(built(moved, 3)) == [3]


@pytest.mark.long
def test_a_copied_database_beside_the_same_warehouse_is_refused(tmp_path: Path) -> None:
    """Both would think that the tables are theirs, and remove each other's files."""
    root = built(tmp_path / "p", 1, 2, settings=shared(tmp_path, "wh"))
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    assert "is a copy of" in refusal(copy).message
    shutil.rmtree(root)
    assert rows(built(copy, 3, settings=shared(tmp_path, "wh"))) == [3]


@pytest.mark.long
def test_a_warehouse_whose_disk_is_not_mounted_gets_no_marker(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    warehouse(root).rename(tmp_path / "unmounted")
    warehouse(root).mkdir()
    with opened(project(root, 2)) as lake, pytest.raises(LakeError):
        lake.materialize()
    with (
        opened(project(root, 2, "b")) as lake,
        pytest.raises(LakeError, match="is empty, and the catalog names tables in it"),
    ):
        lake.materialize("silver.b")
    assert files(warehouse(root)) == set()


@pytest.mark.long
def test_a_warehouse_inside_another_lakes_is_refused(tmp_path: Path) -> None:
    built(tmp_path / "p", 1, settings=shared(tmp_path, "wh"))
    inner = project(tmp_path / "q", settings=shared(tmp_path, "wh/silver/a/inner"))
    with opened(inner) as lake, pytest.raises(LakeError, match="is inside the warehouse of lake 'p'"):
        lake.materialize()


@pytest.mark.long
@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 1}'])
def test_a_damaged_marker_is_nobodys_until_it_is_adopted(tmp_path: Path, content: str) -> None:
    root = built(tmp_path / "p", 1)
    (warehouse(root) / MARKER).write_text(content)
    assert "cannot be read" in refusal(root).message
    care.adopt_warehouse(root)
    assert rows(root) == [1]


@pytest.mark.long
def test_a_marker_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1)
    (warehouse(root) / MARKER).rename(tmp_path / "marker")
    (warehouse(root) / MARKER).symlink_to(tmp_path / "marker")
    assert "it is a link" in refusal(root).message


@pytest.mark.long
def test_a_lake_is_looked_at_where_nothing_can_be_written_in_its_warehouse(tmp_path: Path) -> None:
    root = built(tmp_path / "p", 1, 2)
    without_marker(root)
    before = {path: path.stat().st_mtime_ns for path in warehouse(root).rglob("*")}
    with opened(root) as lake:
        lake.status()
        lake.show("silver.a")
        lake.garbage()
        lake.doctor()
    assert {path: path.stat().st_mtime_ns for path in warehouse(root).rglob("*")} == before


CLAIM = """
import sys
from tests.external.lab import opened
with opened({root!r}) as lake:
    world = lake._world
    sys.stdin.read(1)
    world.claim()
"""


@pytest.mark.long
def test_processes_that_mark_a_warehouse_at_once_agree(tmp_path: Path) -> None:
    """Those of one lake all go on, of two lakes one is refused."""
    roots = [project(tmp_path / name, settings=shared(tmp_path, "wh")) for name in ("one", "two")]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM.format(root=str(root))],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root in roots
        for _ in range(3)
    ]
    ended = [process.communicate("go")[1] for process in started]
    refused = [("the warehouse" in error, process.returncode) for error, process in zip(ended, started, strict=True)]
    assert sorted(refused) == [(False, 0)] * 3 + [(True, 1)] * 3, ended
    winner = next(
        root for root in roots if execute(root, "select id from lakeflow_lake") == [(mark(tmp_path / "wh")["id"],)]
    )
    assert mark(tmp_path / "wh")["name"] == winner.name
    assert [path.name for path in (tmp_path / "wh").iterdir()] == [MARKER]


@pytest.mark.long
@pytest.mark.parametrize("point", ["os.link", "os.fsync", "os.unlink"])
def test_a_claim_that_is_killed_anywhere_is_taken_up_by_the_next(tmp_path: Path, point: str) -> None:
    root = project(tmp_path / "p")
    module, name = point.split(".")
    kill = f"import {module}, signal\n{module}.{name} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
    script = CLAIM.replace(
        "    sys.stdin.read(1)\n", "    import os\n" + "".join(f"    {one}\n" for one in kill.splitlines())
    )
    ended = subprocess.run([sys.executable, "-c", script.format(root=str(root))], check=False)
    assert ended.returncode == -9 or point == "os.unlink"
    assert rows(built(root, 1)) == [1]
    assert json.loads((warehouse(root) / MARKER).read_text())["name"] == "p"


def test_a_disk_without_hard_links_gets_its_marker_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    assert rows(built(tmp_path / "p", 1)) == [1]
