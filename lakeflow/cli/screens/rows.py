"""Rows of a table as a screen, and as records for CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rich.text import Text

from lakeflow.cli.text import align, clean, line, screen, shortened
from lakeflow.core.model.table import Rows
from lakeflow.core.wording import counted

WIDEST: Final = 60
"""The most characters of a value on a screen; CSV and JSON give all of it."""

_NUMBER: Final = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)


def rows_screen(rows: Rows, *, note: str = "") -> Text:
    tail = f"{counted(len(rows.values), 'row')}" if rows.values else "no rows"
    return screen([*grid(rows.columns, rows.values), line((tail, "dim"))], [line(note)] if note else [])


def grid(columns: Sequence[str], values: Sequence[Sequence[str | None]], *, indent: int = 0) -> list[Text]:
    """A header and its rows. Columns of numbers alone are flush right, and NULL is spelled out."""
    if not columns:
        return []
    right = frozenset(place for place in range(len(columns)) if _numeric([row[place] for row in values]))
    header = [line((name, "bold")) for name in columns]
    return align([header, *([_cell(value) for value in row] for row in values)], right=right, indent=indent)


def rows_records(rows: Rows) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Rows as records; NULL is the empty text, as in every CSV."""
    return rows.columns, [tuple(value or "" for value in row) for row in rows.values]


def _cell(value: str | None) -> Text:
    return line(("NULL", "dim")) if value is None else line(shortened(clean(value), WIDEST))


def _numeric(values: Sequence[str | None]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(_NUMBER.fullmatch(value) for value in given)
