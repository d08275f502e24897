"""How rows differ from those that were expected: as bags of rows, every value exactly equal, in words for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from typing import Final, TypeAlias

from lakeflow.core.model.table import Rows
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

Row: TypeAlias = tuple[str | None, ...]
_MASK: Final = "***"
MOST: Final = 10
"""How many rows a text names; it counts the others."""


@dataclass(frozen=True)
class RowDifference:
    """The rows that were expected and did not come, and those that came and were not expected; each as often as it is
    one too few or too many. A row that stands in both orders counts once.
    """

    columns: tuple[str, ...]
    missing: tuple[tuple[str | None, ...], ...] = ()
    unexpected: tuple[tuple[str | None, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected)

    def masked(self, hidden: Set[str]) -> RowDifference:
        """Without the values of these columns, in lower case, in the rows that came."""
        at = {place for place, name in enumerate(self.columns) if name.lower() in hidden}
        rows = (tuple(_MASK if n in at and value else value for n, value in enumerate(row)) for row in self.unexpected)
        return replace(self, unexpected=tuple(rows)) if at else self

    def lines(self, most: int = MOST) -> Iterator[str]:
        """`-` before a row that is missing, `+` before one that was not expected; rows that are alike stand together,
        with the values that differ marked.
        """
        if not self:
            return
        yield f"{counted(len(self.missing), 'row')} missing (-), {counted(len(self.unexpected), 'row')} unexpected (+)"
        pairs, alone = _paired(self.missing, self.unexpected)
        rows = [row for pair in pairs for row in pair] + alone
        shown = rows[: 2 * most]
        cells = [("", *self.columns), *((sign, *map(_text, row)) for sign, row in shown)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(self.columns) + 1)]
        for at, row in enumerate(cells):
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            if marks := _marks(shown, at, len(pairs), widths):
                yield marks
        if len(rows) > len(shown):
            yield f"and {counted(len(rows) - len(shown), 'row')} more"


def difference(expected: Rows, came: Rows) -> RowDifference:
    """Both have the same columns in the same order."""
    left, right = Counter(expected.values), Counter(came.values)
    return RowDifference(came.columns, tuple((left - right).elements()), tuple((right - left).elements()))


_Signed: TypeAlias = tuple[str, Row]


def _paired(missing: Sequence[Row], unexpected: Sequence[Row]) -> tuple[list[tuple[_Signed, _Signed]], list[_Signed]]:
    """Each missing row with the unexpected one that has most values in common with it, if there are any."""
    left, pairs, alone = list(unexpected), list[tuple[_Signed, _Signed]](), list[_Signed]()
    for row in missing[: 2 * MOST]:
        near = max(left, key=lambda other: _alike(row, other), default=None)
        if near is None or not _alike(row, near):
            alone.append(("-", row))
            continue
        left.remove(near)
        pairs.append((("-", row), ("+", near)))
    alone += [("-", row) for row in missing[2 * MOST :]]
    return pairs, [*alone, *(("+", row) for row in left)]


def _alike(one: Row, other: Row) -> int:
    return sum(left == right for left, right in zip(one, other, strict=True))


def _marks(rows: Sequence[_Signed], at: int, pairs: int, widths: Sequence[int]) -> str:
    """Below the second row of a pair: a line that marks the values which differ."""
    if at == 0 or at % 2 or at > 2 * pairs:
        return ""
    (_, one), (_, other) = rows[at - 2], rows[at - 1]
    marks = ["^" * len(_text(new)) if old != new else "" for old, new in zip(one, other, strict=True)]
    cells = zip(["", *marks], widths, strict=True)
    return "  ".join(mark.ljust(width) for mark, width in cells).rstrip()


def _text(value: str | None) -> str:
    """NULL is no text: `NULL` as a text is quoted, and so is what does not show."""
    if value is None:
        return "NULL"
    plain = value.isprintable() and value.strip() == value and value not in {"", "NULL"}
    return value if plain else ascii(value) if not value.isprintable() else repr(value)
