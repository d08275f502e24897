"""Rows of a table as a screen, and as records for CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lakeflow.cli.text import Text, align, clean, line, screen, shortened
from lakeflow.core.model.table import Rows
from lakeflow.core.wording import counted

WIDEST: Final = 60
"""The most characters of a value on a screen; CSV and JSON give all of it."""

_NUMBER: Final = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?|[+-]?(inf|nan)", re.IGNORECASE)


def rows_screen(rows: Rows, *, note: str = "", width: int | None = None) -> Text:
    """The rows as a table. Where they are wider than that, columns in the middle are left out and counted."""
    kept = _fitting(_widths(rows.columns, rows.values), width)
    tail = f"{counted(len(rows.values), 'row')}" if rows.values else "no rows"
    if left_out := len(rows.columns) - len(kept):
        tail += (
            f"; {left_out} of {counted(len(rows.columns), 'column')} not shown: `--columns {rows.columns[0]},…`, `-x`"
        )
    return screen([*_elided(rows, kept), line((tail, "dim"))], [line(note)] if note else [])


def expanded_screen(rows: Rows, *, note: str = "") -> Text:
    """One column a line, a block for each row."""
    blocks = [
        align([(line((name, "bold")), _cell(value)) for name, value in zip(rows.columns, row, strict=True)])
        for row in rows.values
    ]
    tail = f"{counted(len(rows.values), 'row')}" if rows.values else "no rows"
    return screen(*blocks, [line((tail, "dim"))], [line(note)] if note else [])


def grid(columns: Sequence[str], values: Sequence[Sequence[str | None]], *, indent: int = 0) -> list[Text]:
    """A header and its rows. Columns of numbers alone are flush right, and NULL is spelled out."""
    if not columns:
        return []
    right = frozenset(place for place in range(len(columns)) if _numeric([row[place] for row in values]))
    header = [line((name, "bold")) for name in columns]
    return align([header, *([_cell(value) for value in row] for row in values)], right=right, indent=indent)


def _elided(rows: Rows, kept: Sequence[int]) -> list[Text]:
    """The grid of these columns, with a sign where some are left out."""
    if len(kept) == len(rows.columns):
        return grid(rows.columns, rows.values)
    gap = next((at for at, place in enumerate(kept) if place != at), len(kept))
    columns = [rows.columns[place] for place in kept]
    values = [[row[place] for place in kept] for row in rows.values]
    return grid([*columns[:gap], "…", *columns[gap:]], [[*row[:gap], "…", *row[gap:]] for row in values])


def _widths(columns: Sequence[str], values: Sequence[Sequence[str | None]]) -> list[int]:
    named = [line(name).cell_len for name in columns]
    return [max([name, *(_cell(row[place]).cell_len for row in values)]) for place, name in enumerate(named)]


def _fitting(widths: Sequence[int], room: int | None) -> list[int]:
    """The columns that fit side by side: as many as possible from both ends, the first one always."""
    if room is None or sum(widths) + 2 * (len(widths) - 1) <= room:
        return list(range(len(widths)))
    left, right, taken = 1, len(widths), widths[0] + 3  # two blanks and the sign of a gap
    while left < right:
        head = left <= len(widths) - right  # from both ends in turn, the beginning first
        place = left if head else right - 1
        if taken + widths[place] + 2 > room:
            break
        taken += widths[place] + 2
        left, right = (left + 1, right) if head else (left, right - 1)
    return [*range(left), *range(right, len(widths))]


def rows_records(rows: Rows) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Rows as records; NULL is the empty text, as in every CSV."""
    return rows.columns, [tuple(value or "" for value in row) for row in rows.values]


def _cell(value: str | None) -> Text:
    return line(("NULL", "dim")) if value is None else line(shortened(clean(value), WIDEST))


def _numeric(values: Sequence[str | None]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(_NUMBER.fullmatch(value) for value in given)
