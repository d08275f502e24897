"""Text for a terminal: without control characters, aligned by display width, and in ASCII where necessary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias
from unicodedata import category

if TYPE_CHECKING:
    import rich.text

_JOINERS: Final = "\u200c\u200d"  # these shape words and emoji, and do not change the direction of text
_RAW: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}

_ASCII: Final = str.maketrans(
    {
        "✓": "v", "✗": "x", "–": "-", "—": "-", "−": "-", "●": "o", "○": ".", "↻": "@", "·": "|", "×": "x",
        "→": "->", "←": "<-", "…": "...", "├": "|", "└": "`", "│": "|", "─": "-", "“": '"', "”": '"',
    }
)  # fmt: skip
_NARROW: Final = frozenset(map(chr, _ASCII))
_WIDE_FROM: Final = "\u0300"  # below are letters of one cell, and controls, which are spelled out


class Text:
    """Pieces of text, each in a style. Made once and read: what joins texts makes another.

    Where it is shown without styles, rich is not imported, which takes as long as a fifth of a short command.
    """

    def __init__(self, plain: str = "", style: str = "") -> None:
        self._pieces: tuple[tuple[str, str], ...] = ((plain, style),) if plain else ()

    @classmethod
    def of(cls, pieces: Iterable[tuple[str, str]]) -> Text:
        made = cls()
        made._pieces = tuple([piece for piece in pieces if piece[0]])  # a list is filled in half the time
        return made

    @property
    def pieces(self) -> tuple[tuple[str, str], ...]:
        return self._pieces

    @cached_property
    def plain(self) -> str:
        return "".join([text for text, _ in self._pieces])

    @cached_property
    def cell_len(self) -> int:
        return cells(self.plain)

    def __str__(self) -> str:
        return self.plain

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def join(self, lines: Iterable[Text]) -> Text:
        """The lines with this text between each two."""
        pieces: list[tuple[str, str]] = []
        for place, text in enumerate(lines):
            pieces += self._pieces if place else ()
            pieces += text.pieces
        return Text.of(pieces)

    def divide(self, places: Iterable[int]) -> list[Text]:
        """The text cut at these places, each before a character."""
        cuts = [0, *places, len(self.plain)]
        return [Text.of(self._between(begin, end)) for begin, end in pairwise(cuts)]

    def _between(self, begin: int, end: int) -> Iterable[tuple[str, str]]:
        at = 0
        for text, style in self._pieces:
            yield text[max(begin - at, 0) : max(end - at, 0)], style
            at += len(text)

    def rstrip(self) -> Text:
        """The text without the blanks at its end."""
        return Text.of(_stripped(list(self._pieces)))

    def __rich__(self) -> rich.text.Text:
        """What rich asks for where styles are shown."""
        from rich.text import Text as Styled  # noqa: PLC0415 - as said above

        return Styled.assemble(*self._pieces, end="")


Part: TypeAlias = str | tuple[str, str] | Text
"""Plain text, text with a style, or a line made before."""


class Mark(Enum):
    """The first column of a line, as sign and colour. The sign alone is enough, and the line says it in words, too."""

    OK = ("✓", "green")
    BAD = ("✗", "bold red")
    WARN = ("!", "yellow")
    NONE = ("–", "dim")
    NEW = ("+", "green")
    CHANGED = ("~", "yellow")
    MOVED = ("↻", "cyan")
    SAME = ("=", "dim")
    MAIN = ("●", "green")
    BRANCH = ("*", "yellow")
    OLD = ("○", "dim")


def clean(value: str) -> str:
    """The text with every control and bidi character spelled as an escape, so that it cannot act on a terminal."""
    if value.isprintable():
        return value
    return "".join(_spelled(char) for char in value)


def line(*parts: Part | Mark) -> Text:
    """One line of cleaned parts."""
    pieces: list[tuple[str, str]] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append((clean(part), ""))
        elif isinstance(part, Text):
            pieces += part.pieces
        elif isinstance(part, Mark):
            pieces.append(part.value)
        else:
            pieces.append((clean(part[0]), part[1]))
    return Text.of(pieces)


def cells(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii() or all(char < _WIDE_FROM or char in _NARROW for char in text):
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - few texts need its table

    return cell_len(text)


def align(rows: Iterable[Sequence[Text]], *, right: frozenset[int] = frozenset(), indent: int = 0) -> list[Text]:
    """Rows of cells as lines: two blanks between columns, those in `right` flush right, measured in display cells."""
    table = [list(row) for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*table, strict=True)]
    return [_joined(row, widths, right, indent) for row in table]


def screen(*blocks: Iterable[Text]) -> Text:
    """Blocks of lines with one empty line between them; empty blocks are left out."""
    filled = [Text("\n").join(block) for block in map(list, blocks) if block]
    return Text("\n\n").join(filled)


def ascii_only(text: str) -> str:
    """lakeflow's own signs in ASCII; other characters are left to the stream's error handler."""
    return text.translate(_ASCII)


def shortened(value: str, width: int) -> str:
    return value if len(value) <= width else value[: width - 1] + "…"


def _spelled(char: str) -> str:
    if category(char) not in _RAW or char in _JOINERS:
        return char
    return char.encode("unicode_escape").decode("ascii")


def _stripped(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    while pieces:
        text, style = pieces.pop()
        if kept := text.rstrip():
            return [*pieces, (kept, style)]
    return pieces


def _joined(row: Sequence[Text], widths: Sequence[int], right: frozenset[int], indent: int) -> Text:
    pieces, between = [(" " * indent, "")], ""
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        if width:
            gap = " " * (width - cell.cell_len)
            before, after = (gap, "") if place in right else ("", gap)
            pieces += [(between + before, ""), *cell.pieces, (after, "")]
            between = "  "
    return Text.of(_stripped(pieces))
