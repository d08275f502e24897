"""The catalog's two SQL tables: a statement touches the row that it means, while that is as was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.iceberg.commit import pointers, registrations
from lakeflow.core.errors import ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Adopt, Drop, Registration, Rename
from tests.core.samples import key
from tests.iceberg.lab import same_start

A, B = key("silver.a"), key("gold.b")
Row = tuple[str, str, str, str | None, str | None, str | None]
_INSERT = text("insert into iceberg_tables values (:a, :b, :c, :d, :e, :f)")
OTHERS: list[Row] = [
    ("lakeflow", "gold", "a", "/at", None, "TABLE"),  # the same name in another layer
    ("lakeflow", "silver", "b", "/at", None, None),  # another name in the same layer, written by an old release
    ("theirs", "silver", "a", "/at", None, "TABLE"),  # another catalog's
    ("lakeflow", "silver", "v", "/at", None, "VIEW"),
    ("lakeflow", "silver", "n", None, None, "TABLE"),
    ("lakeflow", "raw", "A b", "/at", None, "TABLE"),  # a name that no asset can have
    ("other", "silver", "a", "/other", None, "TABLE"),
    ("other", "silver", "z", "/at", None, "TABLE"),
]


def row(asset: AssetKey, at: str | None, before: str | None = None) -> Row:
    return "lakeflow", str(asset.layer), asset.name, at, before, "TABLE"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connected]:
    """`silver.a` at `/at`, between rows that look much like its own."""
    with same_start(tmp_path).transaction() as opened:
        for one in (row(A, "/at"), *OTHERS):
            opened.execute(_INSERT, dict(zip("abcdef", one, strict=True)))
        yield opened


def rows(connection: Connected) -> list[Row]:
    found = connection.execute(text("select * from iceberg_tables")).all()
    return sorted((tuple(one) for one in found), key=repr)


def expected(*changed: Row) -> list[Row]:
    return sorted((*OTHERS, *changed), key=repr)


def test_the_tables_of_the_catalog_are_those_of_its_own_that_an_asset_may_have(connection: Connected) -> None:
    names = {"silver.a", "silver.b", "silver.n", "gold.a"}
    assert pointers.all_keys(connection) == {key(name) for name in names}


def test_every_place_is_known_also_where_other_catalogs_point(connection: Connected) -> None:
    connection.execute(_INSERT, dict(zip("abcdef", ("theirs", "x", "y", "/their", None, "TABLE"), strict=True)))
    assert pointers.all_locations(connection) == {"/at", "/other", "/their"}


def test_places_are_found_for_the_tables_that_were_asked_for(connection: Connected) -> None:
    assert pointers.locations(connection, [A]) == {A: "/at"}
    asked = [key(name) for name in ("silver.a", "silver.v", "silver.n", "silver.b", "gold.x")]
    assert pointers.locations(connection, iter(asked)) == {A: "/at", key("silver.b"): "/at"}
    assert pointers.locations(connection, [A, key("gold.z")]) == {A: "/at"}, (
        "gold.a has that name and was not asked for"
    )
    assert pointers.locations(connection, []) == {}


def test_a_swap_moves_one_pointer_and_remembers_where_it_was(connection: Connected) -> None:
    assert pointers.swap(connection, A, "/at", "/new") is True
    assert rows(connection) == expected(row(A, "/new", "/at"))


def test_a_relocation_moves_one_pointer_and_says_where_the_metadata_before_it_is(connection: Connected) -> None:
    assert pointers.relocate(connection, A, ("/at", "/new"), "/before") is True
    assert rows(connection) == expected(row(A, "/new", "/before"))


def test_a_table_is_taken_out_alone(connection: Connected) -> None:
    assert pointers.remove(connection, A, "/at") is True
    assert rows(connection) == expected()


def test_a_table_gets_another_name_and_layer(connection: Connected) -> None:
    assert pointers.call(connection, A, B, "/at") is True
    assert rows(connection) == expected(row(B, "/at"))


@pytest.mark.parametrize(
    "change",
    [
        lambda opened, asset: pointers.swap(opened, asset, "/old", "/new"),
        lambda opened, asset: pointers.relocate(opened, asset, ("/old", "/new"), "/before"),
        lambda opened, asset: pointers.remove(opened, asset, "/old"),
        lambda opened, asset: pointers.call(opened, asset, B, "/old"),
        lambda opened, asset: pointers.still(opened, asset, "/old"),
    ],
)
def test_a_pointer_that_is_not_where_it_was_seen_is_not_touched(
    connection: Connected, change: Callable[[Connected, AssetKey], bool]
) -> None:
    assert change(connection, A) is False
    assert change(connection, B) is False
    assert rows(connection) == expected(row(A, "/at"))


def test_a_pointer_still_stands_only_where_it_was_seen(connection: Connected) -> None:
    assert pointers.still(connection, A, "/at") is True
    assert pointers.still(connection, key("silver.x"), "/at") is False
    pointers.remove(connection, A, "/at")
    assert pointers.still(connection, A, "/at") is False, "others that look like it do not stand for it"


def test_a_pointer_is_put_whether_or_not_there_is_one(connection: Connected) -> None:
    pointers.put(connection, A, "/new")
    pointers.put(connection, B, "/b")
    assert rows(connection) == expected(row(A, "/new", "/at"), row(B, "/b"))


def test_a_table_is_adopted_named_and_dropped(connection: Connected) -> None:
    registrations.apply(connection, Adopt(B, "/b", "u"))
    assert rows(connection) == expected(row(A, "/at"), row(B, "/b"))
    registrations.apply(connection, Rename(B, key("gold.c"), "/b", "u"))
    assert rows(connection) == expected(row(A, "/at"), row(key("gold.c"), "/b"))
    registrations.apply(connection, Drop(A, "/at"))
    assert rows(connection) == expected(row(key("gold.c"), "/b"))


@pytest.mark.parametrize(
    ("change", "asset", "said"),
    [
        (Adopt(A, "/new", "u"), A, "silver.a: expected no table of that name, found /at"),
        (Rename(key("gold.a"), A, "/at", "u"), A, "silver.a: expected no table of that name, found /at"),
        (Rename(A, B, "/old", "u"), A, "silver.a: expected its metadata at /old, found /at"),
        (Rename(B, key("gold.c"), "/b", "u"), B, "gold.b: expected its metadata at /b, found no table"),
        (Drop(A, "/old"), A, "silver.a: expected its metadata at /old, found /at"),
        (Drop(B, "/b"), B, "gold.b: expected its metadata at /b, found no table"),
    ],
)
def test_what_is_not_as_expected_is_a_conflict_and_changes_nothing(
    connection: Connected, change: Registration, asset: AssetKey, said: str
) -> None:
    with pytest.raises(ConflictError) as caught:
        registrations.apply(connection, change)
    assert (caught.value.message, caught.value.asset) == (said, asset)
    again = "run it again" if "no table of that name" in said else "nothing was changed; run it again"
    assert caught.value.hint == again
    assert rows(connection) == expected(row(A, "/at"))
