"""Expectations about a column's type. Spellings of Iceberg, DuckDB and Arrow for one type count as the same."""

from __future__ import annotations

import re
from typing import Any, Final

from lakeflow.adapters.expectations.checks.check import Stated
from lakeflow.adapters.expectations.table import Audited, CannotCheck
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.type_names import parse_type

_ARROW: Final = (
    (re.compile(r"timestamp\[\w+, ?tz=.+\]"), "timestamptz"),
    (re.compile(r"timestamp\[\w+\]"), "timestamp"),
    (re.compile(r"date(32|64)(\[\w+\])?"), "date"),
    (re.compile(r"time(32|64)\[\w+\]"), "time"),
    (re.compile(r"(large_)?(string|utf8)(_view)?"), "string"),
    (re.compile(r"(large_)?binary(_view)?"), "binary"),
    (re.compile(r"decimal\d+(\(.+\))"), r"decimal\1"),
    (re.compile(r"fixed_size_binary\[(\d+)\]"), r"fixed[\1]"),
    (re.compile(r"(large_)?list<\w+: ?(.+)>"), r"list<\2>"),
    (re.compile(r"halffloat"), "float"),
)


def type_check(expectation: Any, table: Audited) -> Stated:
    """The check of a column's type. CannotCheck when the column is missing, or a spelling means no type."""
    column = table.column(expectation.column)
    given = getattr(expectation, "type_list", None) or [getattr(expectation, "type_", None)]
    wanted = {spelled(str(word)) for word in given}
    outcome = Outcome.PASSED if str(column.type) in wanted else Outcome.FAILED
    return Stated(outcome, f"found {column.type}")


def spelled(word: str) -> str:
    """Iceberg's spelling of a type that is given in any of the three; CannotCheck when it is none."""
    text = word.strip()
    for pattern, iceberg in _ARROW:
        if pattern.fullmatch(text.lower()):
            text = pattern.sub(iceberg, text.lower())
            break
    try:
        return str(parse_type(text))
    except SchemaError as error:
        raise CannotCheck(f"{error.message}; {error.hint}" if error.hint else error.message) from None
