"""Tables of the ledger that somebody dropped: which, and how they are made again, empty, as this release has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lakeflow.adapters.ledger.statements import MIGRATIONS
from lakeflow.core.ports.database import Connection, sql

_TARGET: Final = re.compile(r"(?:create table|alter table|create index \w+ on)\s+(\w+)")


def _statements() -> Iterator[tuple[str, str]]:
    """Each statement of the layout with the table that it makes or changes, in order. A table that is made again is
    empty: what rewrote rows has nothing to do.
    """
    for migration in MIGRATIONS:
        for statement in migration:
            if statement.startswith("update "):
                continue
            found = _TARGET.match(statement.strip())
            assert found is not None, statement
            yield found[1], statement


LEDGER_TABLES: Final = tuple(dict.fromkeys(table for table, _ in _statements()))
"""The ledger's tables, in the order in which they came."""

_COUNTED: Final = ("lakeflow_runs", "lakeflow_verdicts")


def lost_tables(connection: Connection) -> tuple[str, ...]:
    """The ledger's tables that are not there."""
    there = connection.tables()
    return tuple(name for name in LEDGER_TABLES if name not in there)


def counts(connection: Connection) -> tuple[int, int]:
    """How many runs, and how many verdicts, are recorded."""
    number = "select count(*) from "
    runs, verdicts = (connection.execute(sql(number + name)).scalar_one() for name in _COUNTED)
    return int(runs), int(verdicts)


def make_again(connection: Connection) -> tuple[str, ...]:
    """Make the lost tables, and return their names; what they held is for others to restore."""
    lost = lost_tables(connection)
    for table, statement in _statements():
        if table in lost:
            connection.execute(sql(statement))
    return lost
