"""What every store of large files promises (`StoreFiles`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakeflow.core.ports.store_files import StoreFiles

_LARGE = bytes(range(256)) * 60_000
"""More than one part of an upload."""
Upload = Callable[[str, bytes], str]


class StoreFilesContract:
    """A subclass has the fixtures `files` and `place`, an empty folder of it."""

    @pytest.fixture
    def files(self) -> Iterator[StoreFiles]:
        raise NotImplementedError

    @pytest.fixture
    def place(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def put(self, files: StoreFiles, place: str, tmp_path: Path) -> Upload:
        def upload(name: str, content: bytes) -> str:
            (tmp_path / "local").write_bytes(content)
            files.upload(str(tmp_path / "local"), f"{place}/{name}")
            return f"{place}/{name}"

        return upload

    @pytest.mark.parametrize("content", [b"", b"a", _LARGE], ids=["empty", "small", "large"])
    def test_what_was_brought_there_comes_back(
        self, content: bytes, files: StoreFiles, put: Upload, tmp_path: Path
    ) -> None:
        at, want = put("deep/er/a b=é.parquet", content), hashlib.sha256(content).hexdigest()
        assert files.opened(at).size == files.seen(at).size == len(content)
        assert files.digest(at) == files.download(at, str(tmp_path / "copy")) == want
        assert (tmp_path / "copy").read_bytes() == content

    @pytest.mark.parametrize("name", ["a.csv.gz", "a.bz2", "a.zst", "a.lz4", "a.br"])
    def test_no_name_of_a_compressed_file_changes_what_was_brought(
        self, name: str, files: StoreFiles, put: Upload
    ) -> None:
        at = put(name, b"plain")
        assert files.opened(at).read_at(10, 0) == b"plain"
        assert files.digest(at) == hashlib.sha256(b"plain").hexdigest()

    def test_many_threads_read_each_its_own_bytes(self, files: StoreFiles, put: Upload) -> None:
        file = files.opened(put("large.bin", _LARGE))

        def read(at: int) -> bool:
            return file.read_at(1000, at) == _LARGE[at : at + 1000]

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(0, len(_LARGE) - 1000, 100_001)))
        assert file.read_at(1000, len(_LARGE) - 10) == _LARGE[-10:]

    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("*.csv", ["a.csv", "b.csv"]),
            ("?.csv", ["a.csv", "b.csv"]),
            ("[ab].csv", ["a.csv", "b.csv"]),
            ("a.csv", ["a.csv"]),
            ("none.csv", []),
            ("none/*.csv", []),
            ("*/x.csv", ["one/x.csv", "two/x.csv"]),
            ("one/*", ["one/x.csv"]),
            ("**/*.csv", ["a.csv", "b.csv", "one/deep/y.csv", "one/x.csv", "two/x.csv"]),
            ("one/**", ["one/deep/y.csv", "one/x.csv"]),
        ],
    )
    def test_a_pattern_finds_names_as_in_a_shell(
        self, pattern: str, found: list[str], files: StoreFiles, place: str, put: Upload
    ) -> None:
        for name in ("a.csv", "b.csv", "c.txt", "one/x.csv", "one/deep/y.csv", "two/x.csv"):
            put(name, b"x")
        assert files.matching(f"{place}/{pattern}") == [f"{place}/{name}" for name in found]

    def test_other_bytes_are_another_version(self, files: StoreFiles, put: Upload) -> None:
        before = files.seen(put("a.csv", b"one"))
        assert files.seen(before.location) == before
        after = files.seen(put("a.csv", b"two"))
        assert (after.size, after.version == before.version) == (3, False)

    def test_what_is_not_there_is_not_found(self, files: StoreFiles, place: str, tmp_path: Path) -> None:
        at = f"{place}/none"
        for ask in (files.opened, files.seen, files.digest, lambda one: files.download(one, str(tmp_path / "copy"))):
            with pytest.raises(FileNotFoundError):
                ask(at)
        files.remove(at)
        files.remove_all(at)

    def test_folders_that_begin_alike_go_together_and_no_other(
        self, files: StoreFiles, place: str, put: Upload
    ) -> None:
        for name in ("data/run-0/a", "data/run-rest/b/c", "data/ru/d", "data/e"):
            put(name, b"x")
        files.remove_all(f"{place}/data/run")
        assert files.matching(f"{place}/**/*") == [f"{place}/data/e", f"{place}/data/ru/d"]
