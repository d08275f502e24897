"""The file that names a warehouse's lake: how it is read, made once, and written anew; on a disk and in a store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from lakeflow.adapters.iceberg.care.ground import MARKER
from lakeflow.adapters.iceberg.care.marker import make_mark, mark_above, read_mark, replace_mark
from lakeflow.core.care.ownership import WarehouseMarker
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.objects import Objects, StoredObject, StoreError

HOME = "s3://b/lake"
FINAL = f"{HOME}/{MARKER}"
OURS, THEIRS = WarehouseMarker("L1", "ours", "/db"), WarehouseMarker("L2", "theirs", "/other")
TEXT = json.dumps({"format": "lakeflow.lake/1", "id": "L1", "name": "ours", "database": "/db"}, indent=2).encode()


@dataclass
class Bucket:
    """Objects by their locations. `alone` says whether two may make the same one; `then` runs after each put, `fails`
    before."""

    alone: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    then: Callable[[str], object] = lambda _: None
    fails: Callable[[str], object] = lambda _: None

    def get(self, location: str) -> bytes:
        self.fails(location)
        if location not in self.files:
            raise FileNotFoundError(location)
        return self.files[location]

    def put(self, location: str, content: bytes) -> None:
        self.fails(location)
        self.done.append(location)
        self.files[location] = content
        self.then(location)

    def put_new(self, location: str, content: bytes) -> bool:
        if location in self.files:
            return False
        self.put(location, content)
        return True

    def excludes(self, location: str) -> bool:
        assert location.endswith(MARKER)
        return self.alone

    def exists(self, location: str) -> bool:
        return location in self.files

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        yield from (StoredObject(at, 1, 0.0, ()) for at in list(self.files) if at.startswith(f"{prefix}/"))

    def remove(self, location: str) -> None:
        del self.files[location]

    def make_folder(self, location: str) -> None:
        self.done.append(f"folder {location}")

    @property
    def objects(self) -> Objects:
        return cast("Objects", self)


def claim(id_: str, name: str = "0.stats") -> str:
    return f"{FINAL}.{id_}.{name}"


# read


def test_a_marker_says_whose_the_warehouse_is() -> None:
    assert read_mark(HOME, Bucket(files={FINAL: TEXT}).objects) == OURS
    assert read_mark(HOME, Bucket().objects) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", json.dumps({"id": "x", "name": "y"}).encode(), b"\xff"])
def test_a_marker_that_cannot_be_read_is_no_missing_one(content: bytes) -> None:
    with pytest.raises(LakeError) as caught:
        read_mark(HOME, Bucket(files={FINAL: content}).objects)
    assert caught.value.message.startswith(f"{FINAL}, which says whose the warehouse is, cannot be read (")
    assert caught.value.hint == (
        "put it back from a copy; or `lakeflow adopt --warehouse` makes the warehouse this lake's"
    )


def _refused(_: str) -> None:
    raise StoreError("access denied", "ask for rights")


def test_a_store_that_refuses_is_told_with_its_own_hint() -> None:
    with pytest.raises(LakeError) as caught:
        read_mark(HOME, Bucket(fails=_refused).objects)
    assert (caught.value.message, caught.value.hint) == (f"cannot read {FINAL}: access denied", "ask for rights")
    with pytest.raises(LakeError) as caught:
        make_mark(HOME, OURS, Bucket(fails=_refused).objects)
    assert (caught.value.message, caught.value.hint) == (f"cannot write {FINAL}: access denied", "ask for rights")


def test_a_link_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(TEXT)
    (tmp_path / MARKER).symlink_to(tmp_path / "real")
    with pytest.raises(LakeError, match=r"cannot be read \(it is a link\)"):
        read_mark(str(tmp_path))
    (tmp_path / MARKER).unlink()
    assert read_mark(str(tmp_path)) is None
    assert read_mark(f"{tmp_path}/real") is None, "below a file stands nothing"


def test_a_disk_that_refuses_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (make_mark, replace_mark):
        with pytest.raises(LakeError, match="cannot write") as caught:
            write(f"{tmp_path}/file/lake", OURS)
        assert caught.value.hint == (
            "check the folder's permissions, and that its disk has room (`df -h`, and `df -i` for inodes)"
        )


# make


def test_a_marker_is_made_once(tmp_path: Path) -> None:
    bucket = Bucket()
    assert make_mark(HOME, OURS, bucket.objects)
    assert (bucket.done, bucket.files) == ([f"folder {HOME}", FINAL], {FINAL: TEXT})
    assert not make_mark(HOME, THEIRS, bucket.objects)
    assert bucket.files == {FINAL: TEXT}
    assert (make_mark(str(tmp_path), OURS), make_mark(str(tmp_path), THEIRS)) == (True, False)
    assert read_mark(str(tmp_path)) == OURS


def test_where_two_may_make_the_same_object_a_claim_comes_first_and_goes_at_the_end() -> None:
    bucket = Bucket(alone=False)
    seen: list[set[str]] = []
    bucket.then = lambda _: seen.append(set(bucket.files))
    assert make_mark(HOME, OURS, bucket.objects)
    (own,) = seen[0]
    assert own.startswith(f"{FINAL}.L1.")
    assert own.endswith(".stats")
    assert len(own) == len(f"{FINAL}.L1..stats") + 8
    assert seen[1:] == [{own, FINAL}]
    assert bucket.files == {FINAL: TEXT}


def test_who_sees_a_marker_steps_back() -> None:
    bucket = Bucket(alone=False, files={FINAL: b"theirs"})
    assert not make_mark(HOME, OURS, bucket.objects)
    assert bucket.files == {FINAL: b"theirs"}


def test_who_sees_another_lake_s_claim_makes_nothing() -> None:
    bucket = Bucket(alone=False, files={claim("L2"): b""})
    with pytest.raises(LakeError) as caught:
        make_mark(HOME, OURS, bucket.objects)
    assert caught.value.message == (
        "another lake is claiming the warehouse s3://b/lake at this moment, or was killed while it did"
    )
    assert caught.value.hint == "repeat it; or `lakeflow adopt --warehouse` makes the warehouse this lake's"
    assert bucket.files.keys() == {claim("L2")}, "its own claim is gone"


def test_a_claim_of_a_process_of_our_own_lake_is_no_obstacle() -> None:
    bucket = Bucket(alone=False, files={claim("L1", "dead.stats"): b"", f"{HOME}/silver/f": b""})
    assert make_mark(HOME, OURS, bucket.objects)
    assert bucket.files[FINAL] == TEXT


def test_a_lake_whose_id_begins_like_ours_is_another() -> None:
    with pytest.raises(LakeError, match="another lake is claiming"):
        make_mark(HOME, OURS, Bucket(alone=False, files={claim("L12"): b""}).objects)


# replace


@pytest.mark.parametrize("alone", [True, False])
def test_a_marker_takes_the_place_of_whatever_is_there(*, alone: bool) -> None:
    others = {claim("L2"): b"", f"{HOME}/silver/f": b""}
    bucket = Bucket(alone=alone, files={FINAL: b"theirs", **others})
    replace_mark(HOME, OURS, bucket.objects)
    left = {FINAL: TEXT, f"{HOME}/silver/f": b""}
    assert bucket.files == (left | others if alone else left), "claims mean something where two may make it alone"
    assert bucket.done == [f"folder {HOME}", FINAL]


# above


def test_the_nearest_marker_above_of_another_lake_is_told() -> None:
    theirs = json.dumps({"id": "L2", "name": "theirs", "database": "/other"}).encode()
    bucket = Bucket(files={f"s3://b/{MARKER}": theirs})
    deep = "s3://b/lake/deep"
    assert mark_above(deep, "L1", bucket.objects) == THEIRS
    assert mark_above(deep, "L2", bucket.objects) is None
    assert mark_above(deep, None, bucket.objects) == THEIRS
    bucket.files[f"s3://b/lake/{MARKER}"] = TEXT
    assert mark_above(deep, None, bucket.objects) == OURS
    assert mark_above(deep, "L1", bucket.objects) == THEIRS
    assert mark_above("s3://b", "L1", bucket.objects) is None


def test_a_marker_in_a_folder_above_on_a_disk_is_found(tmp_path: Path) -> None:
    assert make_mark(str(tmp_path), THEIRS)
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert mark_above(f"{tmp_path}/a/b", "L1") == THEIRS
