"""Statements of catalog and ledger on SQLAlchemy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, TextClause, bindparam, inspect, text

from lakeflow.core.ports.database import Statement, Values


class Connected:
    """A connection of SQLAlchemy, `driver`, as catalog and ledger use it. Everything else that it has is there too."""

    def __init__(self, driver: Connection) -> None:
        self.driver = driver

    def execute(self, statement: Any, values: Values = None) -> Any:
        return self.driver.execute(_clause(statement) if isinstance(statement, Statement) else statement, values)

    def tables(self) -> frozenset[str]:
        return frozenset(inspect(self.driver).get_table_names())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)


@lru_cache(maxsize=512)
def _clause(statement: Statement) -> TextClause:
    lists = [(name, BigInteger if name in statement.numbers else Text) for name in sorted(statement.lists)]
    return text(statement.text).bindparams(*(bindparam(name, expanding=True, type_=kind) for name, kind in lists))
