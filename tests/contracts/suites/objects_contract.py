"""What every place of files promises (`Objects`)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lakeflow.core.ports.objects import Objects

_CONTENTS = (b"", b"a", bytes(range(256)) * 40_000)


class ObjectsContract:
    """A subclass has the fixtures `objects` and `place`, an empty folder of it."""

    @pytest.fixture
    def objects(self) -> Iterator[Objects]:
        raise NotImplementedError

    @pytest.fixture
    def place(self) -> str:
        raise NotImplementedError

    def test_what_was_put_is_there_as_it_was(self, objects: Objects, place: str) -> None:
        for number, content in enumerate(_CONTENTS):
            at = f"{place}/deep/er/{number}.parquet"
            objects.put(at, content)
            assert objects.get(at) == content
            assert objects.size(at) == len(content)
            assert objects.exists(at)

    @pytest.mark.parametrize("name", ["a.json.gz", "a.bz2", "a.zst", "a.lz4", "a.br"])
    def test_no_name_of_a_compressed_file_changes_what_was_put(self, name: str, objects: Objects, place: str) -> None:
        for content in (b"plain", gzip.compress(b"compressed already")):
            objects.put(f"{place}/{name}", content)
            assert (objects.get(f"{place}/{name}"), objects.size(f"{place}/{name}")) == (content, len(content))

    def test_a_second_put_takes_the_place_of_the_first(self, objects: Objects, place: str) -> None:
        objects.put(f"{place}/a.json", b"longer than the second")
        objects.put(f"{place}/a.json", b"second")
        assert objects.get(f"{place}/a.json") == b"second"

    def test_what_is_not_there_is_not_found_and_has_no_size(self, objects: Objects, place: str) -> None:
        objects.put(f"{place}/folder/a", b"a")
        for name in ("none", "folder/none", "folder/a/none"):
            assert objects.size(f"{place}/{name}") is None
            assert not objects.exists(f"{place}/{name}")
        assert objects.exists(f"{place}/folder")
        with pytest.raises(FileNotFoundError):
            objects.get(f"{place}/none")

    def test_a_new_object_is_made_once(self, objects: Objects, place: str) -> None:
        assert objects.put_new(f"{place}/mark.json", b"first")
        assert not objects.put_new(f"{place}/mark.json", b"second")
        assert objects.get(f"{place}/mark.json") == b"first"

    def test_where_new_objects_exclude_each_other_one_of_many_makes_it(self, objects: Objects, place: str) -> None:
        at = f"{place}/mark.json"
        if not objects.excludes(at):
            return
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda n: objects.put_new(at, f"{n}".encode()), range(8)))
        assert sum(made) == 1
        assert objects.get(at) == f"{made.index(True)}".encode()

    def test_removing_takes_one_object_and_nothing_where_there_is_none(self, objects: Objects, place: str) -> None:
        objects.put(f"{place}/a", b"a")
        objects.put(f"{place}/ab", b"ab")
        objects.remove(f"{place}/a")
        objects.remove(f"{place}/a")
        objects.remove(f"{place}/none/none")
        assert not objects.exists(f"{place}/a")
        assert objects.get(f"{place}/ab") == b"ab"

    def test_all_objects_below_a_folder_are_listed_and_none_beside_it(self, objects: Objects, place: str) -> None:
        for name in ("lake/a", "lake/deep/b", "lake/deep/er/c", "lake2/d", "lak"):
            objects.put(f"{place}/{name}", name.encode())
        found = {one.location: one.size for one in objects.listed(f"{place}/lake")}
        assert found == {f"{place}/{name}": len(name) for name in ("lake/a", "lake/deep/b", "lake/deep/er/c")}
        assert list(objects.listed(f"{place}/lake/")) == list(objects.listed(f"{place}/lake"))

    def test_a_folder_that_does_not_exist_holds_nothing(self, objects: Objects, place: str) -> None:
        assert list(objects.listed(f"{place}/none")) == []

    def test_an_object_that_changed_is_seen_as_another(self, objects: Objects, place: str) -> None:
        objects.put(f"{place}/a", b"a")
        (before,) = objects.listed(place)
        objects.put(f"{place}/a", b"ab")
        (after,) = objects.listed(place)
        assert before.seen != after.seen
        assert before.changed <= after.changed

    def test_no_file_of_a_scratch_is_found_before_it_is_placed(self, objects: Objects, place: str) -> None:
        scratch = objects.scratch()
        for number in range(40):
            scratch.write(f"{place}/m/{number}.avro", b"%d" % number)
        scratch.sync()
        assert not any(objects.exists(f"{place}/m/{number}.avro") for number in range(40))
        scratch.place()
        assert [objects.get(f"{place}/m/{number}.avro") for number in range(40)] == [b"%d" % n for n in range(40)]

    def test_a_scratch_that_is_discarded_leaves_nothing(self, objects: Objects, place: str) -> None:
        for seals in (False, True):
            scratch = objects.scratch()
            scratch.write(f"{place}/a.avro", b"a")
            scratch.write(f"{place}/deep/b.avro", b"b")
            if seals:
                scratch.seal()
            scratch.discard()
            assert list(objects.listed(place)) == []

    def test_what_fails_within_all_or_none_leaves_nothing(self, objects: Objects, place: str) -> None:
        scratch = objects.scratch()

        def fail() -> None:
            with scratch.all_or_none():
                scratch.write(f"{place}/a.avro", b"a")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert list(objects.listed(place)) == []

    def test_all_or_none_seals_at_its_end(self, objects: Objects, place: str) -> None:
        scratch = objects.scratch()
        with scratch.all_or_none():
            scratch.write(f"{place}/a.avro", b"a")
        assert objects.get(f"{place}/a.avro") == b"a"
