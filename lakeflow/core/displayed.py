"""Values that show themselves: as text in a prompt, and in a notebook as HTML, which a floor above this one makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar


def _nothing(_value: object) -> str | None:
    return None


class Displayed:
    """What a notebook shows. Who opens a lake says how HTML is made of it; before, and elsewhere, it is its text."""

    as_html: ClassVar[Callable[[object], str | None]] = staticmethod(_nothing)

    def _repr_html_(self) -> str | None:
        """What IPython asks for. None: it shows the text."""
        return Displayed.as_html(self)


def display_as(make: Callable[[object], str | None]) -> None:
    """Let notebooks show values as this makes them, from here on."""
    Displayed.as_html = staticmethod(make)


def printable(text: str) -> str:
    """The text in one line, with all that acts on a terminal spelled as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Rows of as many cells as lines, two blanks between columns."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)
