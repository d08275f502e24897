"""Rules about the order of rows. A table has no order of its own, so the author names the columns that give it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand

ORDER_BY: Final = "order_by"
RULES: Final[Mapping[str, tuple[str, str]]] = {
    "column_values.increasing": (">", "ASC"),
    "column_values.decreasing": ("<", "DESC"),
}


def placed(domain: Domain, table: Audited, values: Mapping[str, Any]) -> str:
    """SQL for the rows that have a place: neither their value nor an ordering column is NULL."""
    operands = (domain.columns[0], *_keys(table, values))
    return " AND ".join(f"{operand.sql} IS NOT NULL" for operand in operands)


def breaking(rule: str, domain: Domain, table: Audited, values: Mapping[str, Any]) -> str:
    """The FROM clause of the rows whose value breaks the order after the row before them.

    Rows with the same place are sorted in the order that suits the rule best. CannotCheck without an order.
    """
    sign, best = RULES[rule]
    column = domain.columns[0]
    if not (column.is_number or column.is_time or column.is_text):
        raise CannotCheck(f"{column.name} is {column.type}, which has no order")
    keys = ", ".join(key.sql for key in _keys(table, values))
    before = f"lag({column.sql}) OVER (ORDER BY {keys}, {column.sql} {best})"
    comparison = sign if values.get("strictly") else f"{sign}="
    return (
        f"FROM {table.relation}{domain.clause(placed(domain, table, values))}"
        f" QUALIFY NOT ({column.sql} {comparison} {before})"
    )


def _keys(table: Audited, values: Mapping[str, Any]) -> tuple[Operand, ...]:
    given = values.get(ORDER_BY)
    names = (given,) if isinstance(given, str) else tuple(given or ())
    if not names:
        raise CannotCheck(
            "the rows of a table have no order of their own; name the columns that order them: "
            'meta={"lakeflow": {"order_by": "observed_at"}}'
        )
    return tuple(table.column(name) for name in names)
