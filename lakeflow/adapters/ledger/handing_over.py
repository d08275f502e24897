"""What becomes of an environment, as rows. By a promote its runs become runs of main too, and its pins move."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.adapters.ledger import rows, statements
from lakeflow.core.intents.intent import EnvironmentNote, Forgotten, HandedOver, Repinned
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Pinned
from lakeflow.core.ports.database import Connection


def record(connection: Connection, note: EnvironmentNote, at: str) -> None:
    """Record it within this transaction, which began `at`."""
    match note:
        case HandedOver():
            hand_over(connection, note, at)
        case Repinned(name, pins):
            pin(connection, name, pins, at)
        case Forgotten(name):
            forget(connection, name)


def hand_over(connection: Connection, handed: HandedOver, at: str) -> None:
    for said in handed.verdicts:
        recorded = rows.run_recorded(said.run, handed.environment)
        row = rows.verdict_row(said) | {"environment": "", "recorded": recorded}
        for statement in statements.HAND_OVER:
            connection.execute(statement, row)
        connection.execute(statements.SAVE_VERDICT, row)
    pin(connection, handed.environment, handed.pins, at)


def pin(connection: Connection, name: str, pins: Mapping[AssetKey, Pinned], at: str) -> None:
    """Pin these in place of what the environment had pinned of the same tables."""
    connection.execute(statements.UNPIN, {"name": name, "assets": [str(key) for key in pins]})
    insert(connection, name, pins)
    connection.execute(statements.PIN_ENVIRONMENT, {"name": name, "at": at})


def forget(connection: Connection, name: str) -> None:
    for statement in statements.FORGET:
        connection.execute(statement, {"name": name})


def insert(connection: Connection, name: str, pins: Mapping[AssetKey, Pinned]) -> None:
    values = [
        {"name": name, "asset": str(key), "uuid": pin.uuid, "snapshot_id": pin.snapshot_id}
        for key, pin in sorted(pins.items())
    ]
    if values:
        connection.execute(statements.PIN, values)
