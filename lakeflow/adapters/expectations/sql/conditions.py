"""Row conditions (`Column("a") > 1`) as SQL. They come as plain dictionaries, or as objects that give one."""

from __future__ import annotations

from typing import Any, Final

from lakeflow.adapters.expectations.sql.literals import literal
from lakeflow.adapters.expectations.table import Audited, CannotCheck

_OPERATORS: Final = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_SETS: Final = {"IN": "IN", "NOT_IN": "NOT IN"}


_PASSED_ON: Final = "pass_through_filter"  # what recent releases make of text that they do not read themselves


def where(condition: Any, table: Audited) -> str | None:
    """SQL that is TRUE for the rows that a check is about; None when it is about all rows."""
    if condition is None:
        return None
    if isinstance(condition, str) or _PASSED_ON in _plain(condition):
        raise CannotCheck('row_condition is text in pandas syntax; write it as an object: Column("a") > 1')
    return _render(_plain(condition), table)


def _plain(condition: Any) -> dict[str, Any]:
    plain: dict[str, Any] = condition if isinstance(condition, dict) else condition.dict()
    return plain


def _render(condition: dict[str, Any], table: Audited) -> str:
    if "conditions" in condition:
        word = " OR " if condition.get("type") == "or" else " AND "
        return "(" + word.join(_render(_plain(part), table) for part in condition["conditions"]) + ")"
    column = table.column(_plain(condition["column"])["name"])
    if "is_null" in condition:
        return f"{column.sql} IS {'' if condition['is_null'] else 'NOT '}NULL"
    operator = str(getattr(condition["operator"], "value", condition["operator"]))
    if operator in _SETS:
        values = [literal(value, column) for value in condition["parameter"]]
        return f"{column.sql} {_SETS[operator]} ({', '.join(values)})" if values else str(operator != "IN").upper()
    return f"{column.sql} {_OPERATORS[operator]} {literal(condition['parameter'], column)}"


def describe(condition: Any) -> str:
    """The condition in words, for the name of a check."""
    if condition is None or isinstance(condition, str):
        return condition or ""
    plain = _plain(condition)
    if _PASSED_ON in plain:
        return str(plain[_PASSED_ON])
    if "conditions" in plain:
        word = " or " if plain.get("type") == "or" else " and "
        return word.join(describe(part) for part in plain["conditions"])
    name = _plain(plain["column"])["name"]
    if "is_null" in plain:
        return f"{name} is {'' if plain['is_null'] else 'not '}null"
    operator = str(getattr(plain["operator"], "value", plain["operator"])).lower().replace("_", " ")
    return f"{name} {operator} {plain['parameter']}"


def columns(condition: Any) -> tuple[str, ...]:
    """Names of the columns that a condition reads."""
    if condition is None or isinstance(condition, str):
        return ()
    plain = _plain(condition)
    if _PASSED_ON in plain:
        return ()
    if "conditions" in plain:
        return tuple(name for part in plain["conditions"] for name in columns(part))
    return (str(_plain(plain["column"])["name"]),)
