"""The number of the lake's last version: a property of the catalog, counted in the transaction that moves a main.

It is assigned before the metadata is written, which names it, and compared in the transaction. So numbers have the
order of the commits, none is missing, and none is told twice. Where the property is lost, the tables tell the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from lakeflow.adapters.iceberg.commit.pointers import CATALOG
from lakeflow.adapters.iceberg.metadata.updates import RemoveSnapshots, SetProperties, Update
from lakeflow.core.keys import Layer
from lakeflow.core.log.recorded import PROPERTY, moves_of, with_move
from lakeflow.core.model.run import MoveNote, RecordedMove
from lakeflow.core.model.table import Table
from lakeflow.core.ports.database import Connection, sql
from lakeflow.core.values import dataclass

_ROW: Final = f"catalog_name = '{CATALOG}' and namespace = '{Layer.BRONZE}' and property_key = 'lakeflow.version'"
_READ: Final = sql(f"select property_value from iceberg_namespace_properties where {_ROW}")
_FIRST: Final = sql(
    "insert into iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) "
    f"values ('{CATALOG}', '{Layer.BRONZE}', 'lakeflow.version', :new) on conflict do nothing"
)
_NEXT: Final = sql(
    f"update iceberg_namespace_properties set property_value = :new where {_ROW} and property_value = :seen"
)
_FORGET: Final = sql(f"delete from iceberg_namespace_properties where {_ROW}")


@dataclass(frozen=True)
class MainMove:
    """Where a change takes main of its table, and what its record says of that."""

    snapshot_id: int | None
    note: MoveNote | None = None


@dataclass(frozen=True)
class Numbered:
    """The number of the version that a commit makes, which moves main of so many `tables`; `seen` is what the catalog
    said before.
    """

    seen: str | None
    number: int
    tables: int

    def noted(self, table: Table, moved: MainMove, updates: Sequence[Update], at_ms: int) -> tuple[Update, ...]:
        """The update that records in the table how its main moves in this version."""
        gone = {id_ for update in updates if isinstance(update, RemoveSnapshots) for id_ in update.ids}
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        move = RecordedMove(self.number, moved.snapshot_id, at, self.tables, moved.note)
        return (SetProperties({PROPERTY: with_move(table.properties, move, table.snapshots.keys() - gone)}),)


def last(connection: Connection) -> str | None:
    """The last number as the catalog says it; None where it says none."""
    found = connection.execute(_READ).scalar_one_or_none()
    return None if found is None else str(found)


def following(seen: str | None, known: Iterable[Table], tables: int) -> Numbered:
    """The next number: above the last one, and above all that the `known` tables record."""
    recorded = max((move.number for table in known for move in moves_of(table.properties)), default=0)
    said = int(seen) if seen is not None and is_number(seen) else 0
    return Numbered(seen, max(recorded, said) + 1, tables)


def is_number(seen: str | None) -> bool:
    return seen is not None and seen.isascii() and seen.isdigit()


def advance(connection: Connection, numbered: Numbered) -> bool:
    """Count the version; False when another one was counted meanwhile."""
    bound = {"new": str(numbered.number)}
    if numbered.seen is None:
        return bool(connection.execute(_FIRST, bound).rowcount == 1)
    return bool(connection.execute(_NEXT, bound | {"seen": numbered.seen}).rowcount == 1)


def forget(connection: Connection) -> None:
    """Let the tables tell the last number again: another catalog's tables came in."""
    connection.execute(_FORGET)
