"""Which answers of a REST catalog are older than what is known of a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.updates import new_metadata
from lakeflow.adapters.iceberg.rest.known import KnownStates, is_left
from lakeflow.adapters.objects import DISK
from tests.core.samples import key, table

A, B = key("silver.a"), key("silver.b")


def at(version: str, *before: str) -> LoadedTable:
    """A table whose metadata stands at `version`, and stood at others before."""
    log = [{"metadata-file": each, "timestamp-ms": 1} for each in before]
    return LoadedTable(replace(table("silver.a"), version=version), {"metadata-log": log} if log else {})


def told(known: KnownStates, *versions: str) -> list[bool]:
    return [known.is_older(A, at(version)) for version in versions]


def test_what_a_state_names_as_past_is_older() -> None:
    known = KnownStates()
    assert told(known, "1", "2") == [False, False], "nothing is known yet"
    known.saw(A, at("3", "1", "2"))
    assert told(known, "1", "2", "3", "4") == [True, True, False, False]
    assert not known.is_older(B, at("1"))
    assert not known.is_older(A, None), "it may have been dropped"


def test_what_was_past_stays_past_though_the_table_forgets_it() -> None:
    known = KnownStates()
    known.saw(A, at("2", "1"))
    known.saw(A, at("4", "3"))
    known.saw(A, at("5"))
    assert told(known, "1", "2", "3", "4") == [True, False, True, False]


def test_of_so_many_states_the_latest_are_known() -> None:
    known = KnownStates()
    known.saw(A, at("now", *map(str, range(150))))
    known.saw(A, at("now", *map(str, range(100, 250))))
    assert told(known, "49", "50", "249") == [False, True, True]


def test_a_table_that_is_gone_may_come_again_in_any_state() -> None:
    known = KnownStates()
    known.saw(A, at("2", "1"))
    known.saw(B, None)
    assert told(known, "1") == [True]
    known.saw(A, None)
    assert told(known, "1") == [False]


def test_what_the_server_took_in_is_not_absent() -> None:
    known = KnownStates()
    known.made(A)
    assert (known.is_older(A, None), known.is_older(B, None)) == (True, False)
    assert not known.is_older(A, at("1"))
    known.saw(A, at("1"))
    assert not known.is_older(A, None), "it was seen, and may have been dropped since"
    known.made(A)
    known.saw(A, None)
    assert not known.is_older(A, None)


def test_a_name_that_was_given_to_another_has_no_past() -> None:
    known = KnownStates()
    known.saw(A, at("2", "1"))
    known.made(A)
    known.moved(B)
    assert (told(known, "1"), known.is_older(A, None)) == ([True], True)
    known.moved(A)
    assert (told(known, "1"), known.is_older(A, None)) == ([False], False)


# what a folder holds


def write(folder: Path, number: int, *before: str, uuid: str = "u") -> str:
    schema: dict[str, Any] = {"type": "struct", "schema-id": 0, "fields": []}
    made = new_metadata(uuid, f"file://{folder}", schema, 0, 1000 + number)
    log = [{"metadata-file": each, "timestamp-ms": 1} for each in before]
    path = folder / "metadata" / f"{number:05d}-a.metadata.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**made, "metadata-log": log}))
    return f"file://{path}"


def left(version: str) -> bool:
    files = MetadataFiles("/")
    return is_left(files.find(A, version), files, DISK)


def test_an_answer_is_left_behind_where_its_folder_holds_a_later_state_that_names_it(tmp_path: Path) -> None:
    first = write(tmp_path, 1)
    assert not left(first)
    second = write(tmp_path, 2, first)
    assert (left(first), left(second)) == (True, False)
    write(tmp_path, 3, first.removeprefix("file://"), second)
    assert (left(first), left(second)) == (True, True)


@pytest.mark.parametrize("other", [{"uuid": "another"}, {"uuid": "u", "names": False}])
def test_another_table_of_that_folder_says_nothing(tmp_path: Path, other: dict[str, Any]) -> None:
    first = write(tmp_path, 1)
    write(tmp_path, 2, *([first] if other.get("names", True) else ["file:///elsewhere"]), uuid=other["uuid"])
    assert not left(first)


def test_a_folder_without_metadata_says_nothing() -> None:
    assert not is_left(at("file:///nowhere/metadata/1.json"), MetadataFiles("/"), DISK)
