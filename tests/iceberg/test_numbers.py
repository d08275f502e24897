"""The number of the lake's version: each commit that moves a main counts one, and no two count the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg import MIGRATIONS
from lakeflow.adapters.iceberg.commit import numbers
from lakeflow.adapters.iceberg.commit.numbers import MainMove, Numbered
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.core.log.recorded import PROPERTY, moves_of, moves_text
from lakeflow.core.model.run import MoveNote, RecordedMove, Ruling
from lakeflow.core.model.table import Table
from lakeflow.core.ports.database import Connection, sql
from tests.core.samples import snapshot, table

AT = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1000)
NOTE = MoveNote(Ruling.PUBLISH, "r1", "anna")
OTHERS = (
    ("theirs", "bronze", "lakeflow.version", "1"),
    ("lakeflow", "silver", "lakeflow.version", "1"),
    ("lakeflow", "bronze", "owner", "1"),
)
_INSERT = sql("insert into iceberg_namespace_properties values (:a, :b, :c, :d)")


@pytest.fixture
def connection() -> Iterator[Connection]:
    """Between properties that look much like the number."""
    database = Database("sqlite://")
    database.initialise((MIGRATIONS,))
    with database.transaction() as opened:
        for row in OTHERS:
            opened.execute(_INSERT, dict(zip("abcd", row, strict=True)))
        yield opened
    database.close()


def rows(connection: Connection) -> set[tuple[str, ...]]:
    return {
        tuple(row)
        for row in connection.execute(
            sql("select * from iceberg_namespace_properties where property_key <> 'exists'")
        ).all()
    }


def expected(said: str) -> set[tuple[str, ...]]:
    return {*OTHERS, ("lakeflow", "bronze", "lakeflow.version", said)}


def moved(*counted: int) -> Table:
    moves = [RecordedMove(number, 1, AT, 1, None) for number in counted]
    return replace(table("silver.a", snapshot(1), main=1), properties={PROPERTY: moves_text(moves)})


def test_the_number_is_said_once_and_goes_up(connection: Connection) -> None:
    assert numbers.last(connection) is None
    assert numbers.advance(connection, Numbered(None, 1, 1)) is True
    assert (numbers.last(connection), rows(connection)) == ("1", expected("1"))
    assert numbers.advance(connection, Numbered("1", 2, 1)) is True
    assert rows(connection) == expected("2")


def test_a_number_that_was_counted_meanwhile_is_not_counted_twice(connection: Connection) -> None:
    assert numbers.advance(connection, Numbered(None, 5, 1)) is True
    assert numbers.advance(connection, Numbered(None, 5, 1)) is False
    assert numbers.advance(connection, Numbered("4", 5, 1)) is False
    assert rows(connection) == expected("5")


def test_a_number_that_is_forgotten_is_the_lakes_alone(connection: Connection) -> None:
    numbers.advance(connection, Numbered(None, 5, 1))
    numbers.forget(connection)
    assert (numbers.last(connection), rows(connection)) == (None, {*OTHERS})
    assert numbers.advance(connection, Numbered("5", 6, 1)) is False


@pytest.mark.parametrize(
    ("seen", "tables", "number"),
    [
        (None, (), 1),
        ("7", (), 8),
        ("0", (), 1),
        ("7", (moved(3, 9), moved(4)), 10),
        ("9", (moved(3), moved()), 10),
        (None, (moved(3),), 4),
        ("nine", (moved(3),), 4),
        ("", (), 1),
        ("-9", (), 1),
        ("\N{ARABIC-INDIC DIGIT NINE}", (), 1),
    ],
)
def test_the_next_number_is_above_all_that_is_said_anywhere(
    seen: str | None, tables: tuple[Table, ...], number: int
) -> None:
    assert numbers.following(seen, iter(tables), 3) == Numbered(seen, number, 3)


@pytest.mark.parametrize(
    ("seen", "is_one"), [("12", True), (None, False), ("x", False), ("\N{SUPERSCRIPT TWO}", False)]
)
def test_only_digits_are_a_number(seen: str | None, is_one: bool) -> None:
    assert numbers.is_number(seen) is is_one


def test_a_table_records_the_move_of_its_main_with_those_that_are_kept() -> None:
    before = replace(moved(3), snapshots={1: snapshot(1), 2: snapshot(2, 1)})
    updates = (u.SetBranch("main", 2), u.RemoveRef("audit_r1"))
    (update,) = Numbered("6", 7, 4).noted(before, MainMove(2, NOTE), updates, AT_MS)
    assert isinstance(update, u.SetProperties)
    assert {*update.properties} == {PROPERTY}
    assert moves_of(update.properties) == (RecordedMove(3, 1, AT, 1, None), RecordedMove(7, 2, AT, 4, NOTE))


def test_a_move_to_a_snapshot_that_goes_with_it_is_recorded_no_more() -> None:
    before = replace(moved(3), snapshots={1: snapshot(1), 2: snapshot(2, 1)})
    (update,) = Numbered("6", 7, 4).noted(before, MainMove(2), (u.RemoveSnapshots(frozenset({1})),), AT_MS)
    assert isinstance(update, u.SetProperties)
    assert moves_of(update.properties) == (RecordedMove(7, 2, AT, 4, None),)
