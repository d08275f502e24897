"""What really stands in a folder: on a disk by device and inode, in a store by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from lakeflow.adapters.iceberg.care.ground import MARKER, DiskGround, Identity, NotOursError, StoreGround, ground_of
from lakeflow.adapters.objects import DISK
from lakeflow.adapters.objects.disk import seen_as
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.objects import Objects, StoredObject

HERE = DiskGround()


def file(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def test_a_warehouse_stands_on_a_disk_or_in_a_store() -> None:
    assert isinstance(ground_of("/lake", DISK), DiskGround)
    assert isinstance(ground_of("s3://bucket/lake", DISK), StoreGround)


# a disk


def test_one_place_has_one_identity_however_it_is_spelled(tmp_path: Path) -> None:
    one = file(tmp_path / "a" / "f")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert HERE.identity(f"{tmp_path}/link/../a/f") == HERE.identity(f"{tmp_path}/link/f") == identity(one)
    assert HERE.identity(f"{tmp_path}/gone") is None
    assert HERE.identity("a\0b") is None


def test_a_folder_is_below_a_warehouse_without_a_link_or_a_way_up(tmp_path: Path) -> None:
    (tmp_path / "lake" / "silver" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere" / "b").mkdir(parents=True)
    (tmp_path / "lake" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "alias").symlink_to(tmp_path / "lake")
    lake = f"{tmp_path}/lake"
    below = {
        f"{lake}/silver/a": True,
        f"{lake}/silver/gone/deep": True,
        f"{tmp_path}/alias/silver": True,
        lake: False,
        str(tmp_path): False,
        f"{tmp_path}/elsewhere": False,
        f"{lake}/linked/b": False,
        f"{lake}/linked": False,
        f"{lake}/silver/a/../a": False,
        f"{lake}/silver/../../elsewhere/b": False,
        f"{lake}/silver/../silver/a": True,
        "lake/silver": False,
    }
    assert {folder: HERE.is_below(folder, lake) for folder in below} == below
    assert HERE.is_below(f"{lake}/silver", f"{tmp_path}/alias")
    assert not HERE.is_below(f"{tmp_path}/gone/a", f"{tmp_path}/gone"), "there is no such warehouse"


def test_the_files_of_a_folder_are_told_with_what_tells_them_from_others(tmp_path: Path) -> None:
    first, second = file(tmp_path / "t" / "a", "four"), file(tmp_path / "t" / "data" / "b")
    file(tmp_path / "other" / "c")
    (tmp_path / "t" / "linked").symlink_to(tmp_path / "other")
    (tmp_path / "t" / "linked_file").symlink_to(first)
    os.utime(first, (5, 5))
    found = HERE.files_below(f"{tmp_path}/t", [identity(tmp_path / "other")])
    assert [one.path for one in found] == [str(first), str(second)]
    one, status = found[0], first.stat()
    assert (one.size, one.written, one.changed) == (4, 5.0, status.st_ctime)
    assert (one.seen, one.identity) == (seen_as(status), identity(first))
    with pytest.raises(OSError, match="gone"):
        HERE.files_below(f"{tmp_path}/gone", ())


KEPT_OUT: dict[str, Callable[[Path], Path]] = {
    "the folder": lambda root: root,
    "a folder in it": lambda root: root / "data",
    "a file in it": lambda root: root / "data" / "f",
}


@pytest.mark.parametrize("what", KEPT_OUT)
def test_a_folder_that_others_use_is_not_ours(tmp_path: Path, what: str) -> None:
    file(tmp_path / "t" / "data" / "f")
    kept = KEPT_OUT[what](tmp_path / "t")
    with pytest.raises(NotOursError) as caught:
        HERE.files_below(f"{tmp_path}/t", [identity(kept)])
    assert str(caught.value) == f"{kept} is in use: the project or a table reads what stands there"


def test_a_folder_that_holds_another_warehouse_is_not_ours(tmp_path: Path) -> None:
    file(tmp_path / "t" / "deep" / MARKER)
    with pytest.raises(NotOursError) as caught:
        HERE.files_below(f"{tmp_path}/t", ())
    assert str(caught.value) == f"another lake's warehouse stands in it, at {tmp_path}/t/deep"


def test_what_a_new_disk_or_repository_has_fills_no_folder(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert not HERE.is_filled(f"{root}/gone", frozenset())
    for name in (".gitkeep", ".gitignore", ".keep", ".DS_Store", f"sub/.{MARKER}.1.tmp", "lost+found/x"):
        file(tmp_path / name)
        assert not HERE.is_filled(root, frozenset()), name
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    assert not HERE.is_filled(root, frozenset())
    mine = str(file(tmp_path / "empty" / "deep" / "f"))
    assert HERE.is_filled(root, frozenset())
    assert not HERE.is_filled(root, frozenset({mine}))
    assert not HERE.is_filled(root, frozenset({f"{root}/empty"}))


@pytest.mark.parametrize("name", [f"{MARKER}.1.tmp", f".{MARKER}.1", f".{MARKER}x.tmp", "sub/.hidden"])
def test_any_other_file_fills_a_folder(tmp_path: Path, name: str) -> None:
    file(tmp_path / name)
    assert HERE.is_filled(str(tmp_path), frozenset())


def test_a_link_fills_a_folder_whatever_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "link").symlink_to(tmp_path / "empty")
    assert HERE.is_filled(f"{tmp_path}/lake", frozenset())


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    one = file(tmp_path / "f")
    with pytest.raises(LakeError) as caught:
        HERE.is_filled(str(one), frozenset())
    assert caught.value.message == f"cannot read {one}: Not a directory"
    assert caught.value.hint == "check that it is a folder, and its rights"


def test_a_folder_is_taken_where_it_is_there_and_has_others_above(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert (HERE.is_taken(f"{tmp_path}/a"), HERE.is_taken(f"{tmp_path}/b")) == (True, False)
    assert list(HERE.above(f"{tmp_path}/link"))[:2] == [str(tmp_path.resolve()), str(tmp_path.resolve().parent)]


# a store


@dataclass
class Listed:
    """Objects by their locations, in no order."""

    there: list[str] = field(default_factory=list)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        yield from (StoredObject(at, len(at), 7.0, ("v", at)) for at in self.there if at.startswith(f"{prefix}/"))


def store(*there: str) -> StoreGround:
    return StoreGround(cast("Objects", Listed(list(there))))


def test_a_place_in_a_store_has_one_name() -> None:
    assert store().identity("s3a://bucket/lake/a/") == store().identity("s3://bucket/lake/a") == "s3://bucket/lake/a"


def test_a_folder_of_a_store_is_below_by_its_name() -> None:
    ground = store()
    assert ground.is_below("s3a://bucket/lake/a", "s3://bucket/lake/")
    assert not ground.is_below("s3://bucket/lake", "s3://bucket/lake")
    assert not ground.is_below("s3://bucket/lake-2/a", "s3://bucket/lake")
    assert not ground.is_below("s3://bucket/lake/../a", "s3://bucket/lake")
    assert ground.is_below("s3://bucket/lake/a..b", "s3://bucket/lake")


def test_the_files_of_a_store_are_told_in_order() -> None:
    found = store("s3://b/t/z", "s3://b/t/data/f", "s3://b/u/g").files_below("s3://b/t", ())
    assert [(one.path, one.size, one.changed, one.written, one.seen, one.identity) for one in found] == [
        (at, len(at), 7.0, 7.0, ("v", at), at) for at in ("s3://b/t/data/f", "s3://b/t/z")
    ]


@pytest.mark.parametrize("kept", ["s3://b/t", "s3://b/t/data", "s3://b/t/data/f"])
def test_what_others_use_in_a_store_is_not_ours(kept: str) -> None:
    with pytest.raises(NotOursError) as caught:
        store("s3://b/t/data/f").files_below("s3://b/t/", ["s3://b/t-2", kept])
    assert str(caught.value) == f"{kept} is in use: the project or a table reads what stands there"


def test_what_others_use_elsewhere_is_no_matter() -> None:
    ground = store("s3://b/t/f")
    elsewhere: list[Identity] = ["s3://b", "s3://b/t-2", "/t", (1, 2)]
    assert [one.path for one in ground.files_below("s3://b/t", elsewhere)] == ["s3://b/t/f"]


def test_another_warehouse_in_a_store_is_not_ours() -> None:
    with pytest.raises(NotOursError) as caught:
        store(f"s3://b/t/deep/{MARKER}").files_below("s3://b/t", ())
    assert str(caught.value) == "another lake's warehouse stands in it, at s3://b/t/deep"
    assert store(f"s3://b/t/x{MARKER}").files_below("s3://b/t", ())


@pytest.mark.parametrize(
    ("names", "is_filled"),
    [
        ([], False),
        ([".keep", f"{MARKER}.L1.abc.stats", "deep/.gitkeep"], False),
        (["f"], True),
        ([MARKER], True),
        ([".keep", "deep/f"], True),
    ],
)
def test_a_folder_of_a_store_is_filled_by_anything_but_claims(names: list[str], *, is_filled: bool) -> None:
    ground = store(*(f"s3://b/t/{name}" for name in names), "s3://b/u/f")
    assert ground.is_filled("s3://b/t", frozenset()) is is_filled
    assert ground.is_taken("s3://b/t") is bool(names)


def test_the_folders_above_one_of_a_store_end_at_its_bucket() -> None:
    assert list(store().above("s3a://b/lake/silver/a")) == ["s3://b/lake/silver", "s3://b/lake", "s3://b"]
    assert list(store().above("s3://b")) == []
