"""Every statement of the ledger fits its tables as all migrations leave them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

import pytest

from lakeflow.adapters.ledger import statements
from lakeflow.core.ports.database import Statement


def _statements() -> Iterator[tuple[str, Statement]]:
    for name, found in vars(statements).items():
        several = found if isinstance(found, tuple) else (found,)
        yield from ((f"{name}-{number}", one) for number, one in enumerate(several) if isinstance(one, Statement))


class _Anything(dict[str, object]):
    def __missing__(self, name: str) -> object:
        return None


@pytest.fixture(scope="module")
def tables() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for migration in statements.MIGRATIONS:
        for statement in migration:
            connection.execute(statement)
    return connection


@pytest.mark.parametrize("statement", [one for _, one in _statements()], ids=[name for name, _ in _statements()])
def test_a_statement_is_understood(tables: sqlite3.Connection, statement: Statement) -> None:
    """A column that comes with a migration is missed by no statement that copies rows as a whole."""
    text = statement.text
    for name in statement.lists:
        text = re.sub(rf":{name}\b", f"(:{name})", text)
    tables.execute(f"explain {text}", _Anything())
