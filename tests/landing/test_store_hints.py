"""What a store says of an object is a hint, and its content the truth."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from lakeflow.adapters.duckdb.land.fetched import local_source
from lakeflow.adapters.machine.files.outside import OutsideFiles
from lakeflow.adapters.machine.files.source_files import Hashes
from lakeflow.core.errors import AssetError
from lakeflow.core.model.file_source import Caps, FileSource, Format
from lakeflow.core.plan.landing import FoundFile
from tests.duckdb.folder_store import FolderStore

AT = "s3://raw/orders/a.csv"
SOURCE = FileSource(("s3://raw/orders/*.csv",), Format.CSV)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.path(AT).parent.mkdir(parents=True)
    store.path(AT).write_bytes(b"id\n1\n")
    return store


@pytest.fixture
def outside(tmp_path: Path, store: FolderStore) -> OutsideFiles:
    return OutsideFiles(tmp_path, Hashes(tmp_path / "hashes.json"), store)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_content_is_read_once_for_its_hash(outside: OutsideFiles, store: FolderStore) -> None:
    (found,) = outside.find(SOURCE.globs)
    assert (found.name, found.size, found.hash) == (AT, 5, sha256(b"id\n1\n"))
    store.asked.clear()
    assert outside.find(SOURCE.globs) == (found,)
    assert outside.changed([found]) == ()
    assert "digest" not in store.asked


def test_the_size_of_what_globs_match_is_told_without_reading_it(
    outside: OutsideFiles, store: FolderStore, tmp_path: Path
) -> None:
    for name in ("a.csv", "in/b.csv", "in/c.csv", "in/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "in" / "e.csv").symlink_to("nowhere")
    assert outside.bytes_of(["a.csv", "in/*.csv", "./a.csv", str(tmp_path / "in" / "**")]) == 20
    assert outside.bytes_of(["", "none/*.csv", "with\0*", "x" * 5000, "http://host/a.csv"]) == 0
    store.asked.clear()
    assert outside.bytes_of([AT, "s3://raw/orders/*.csv"]) == 10
    assert "digest" not in store.asked


def test_of_many_objects_some_tell_how_much_all_are(outside: OutsideFiles, store: FolderStore) -> None:
    for number in range(200):
        store.path(f"s3://raw/many/{number}.csv").parent.mkdir(exist_ok=True)
        store.path(f"s3://raw/many/{number}.csv").write_bytes(b"12345")
    store.asked.clear()
    assert outside.bytes_of(["s3://raw/many/*.csv"]) == 1000
    assert len(store.asked) <= 64


def test_a_new_version_with_the_same_content_is_no_change(outside: OutsideFiles, store: FolderStore) -> None:
    (found,) = outside.find(SOURCE.globs)
    os.utime(store.path(AT), (1, 1))
    assert outside.changed([found]) == ()
    assert [file.hash for file in outside.find(SOURCE.globs)] == [found.hash]


def test_other_content_is_a_change_and_so_is_none(outside: OutsideFiles, store: FolderStore) -> None:
    (found,) = outside.find(SOURCE.globs)
    store.path(AT).write_bytes(b"id\n2\n")
    assert outside.changed([found]) == (AT,)
    store.path(AT).unlink()
    assert outside.changed([found]) == (AT,)


def test_nothing_is_remembered_of_what_changed_while_it_was_read(outside: OutsideFiles, store: FolderStore) -> None:
    def changing(what: str) -> None:
        if what == "digest":
            store.path(AT).write_bytes(b"id\n22\n")

    store.before = changing
    (found,) = outside.find(SOURCE.globs)
    assert (found.hash, found.identity) == (sha256(b"id\n22\n"), "")
    store.asked.clear()
    outside.find(SOURCE.globs)
    assert "digest" in store.asked


def test_a_store_that_does_not_answer_hides_no_file(outside: OutsideFiles, store: FolderStore) -> None:
    def closed(what: str) -> None:
        raise OSError(13, "these keys may not do that")

    store.before = closed
    (found,) = outside.find(SOURCE.globs)
    assert (found.name, found.problem) == (AT, "it cannot be read: these keys may not do that")


def test_what_lands_is_what_was_found(store: FolderStore, tmp_path: Path) -> None:
    found = FoundFile(AT, 5, sha256(b"id\n1\n"))
    copy = local_source(tmp_path, found, SOURCE, tmp_path / "0", store)
    assert copy.read_bytes() == b"id\n1\n"
    store.path(AT).write_bytes(b"id\n2\n")
    with pytest.raises(AssetError, match=r"s3://raw/orders/a\.csv changed while it was read"):
        local_source(tmp_path, found, SOURCE, tmp_path / "1", store)
    store.path(AT).unlink()
    with pytest.raises(AssetError, match=r"s3://raw/orders/a\.csv is gone"):
        local_source(tmp_path, found, SOURCE, tmp_path / "2", store)


def test_what_is_too_large_is_not_fetched(store: FolderStore, tmp_path: Path) -> None:
    source = SOURCE.within(Caps(file=4))
    with pytest.raises(AssetError, match="larger than 4 bytes"):
        local_source(tmp_path, FoundFile(AT, 5, ""), source, tmp_path / "0", store)
    assert store.asked == []


def test_near_and_far_files_are_found_together(outside: OutsideFiles, tmp_path: Path) -> None:
    (tmp_path / "drops").mkdir()
    (tmp_path / "drops" / "b.csv").write_bytes(b"id\n3\n")
    found = outside.find(("drops/*.csv", *SOURCE.globs, AT))
    assert [file.name for file in found] == ["drops/b.csv", AT]
    before = outside.digest(("drops/*.csv", AT))
    assert before == outside.digest(("drops/*.csv", AT))
    (tmp_path / "drops" / "b.csv").write_bytes(b"id\n4\n")
    assert outside.digest(("drops/*.csv", AT)) != before
    assert outside.digest(("s3://raw/none/*.csv",)) == ""
