"""Text for a terminal: without control characters, aligned by display width, and in ASCII where necessary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, TypeAlias
from unicodedata import category

from rich.text import Text

Part: TypeAlias = str | tuple[str, str] | Text
"""Plain text, text with a style, or a line made before."""

_JOINERS: Final = "\u200c\u200d"  # these shape words and emoji, and do not change the direction of text
_RAW: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}

_ASCII: Final = str.maketrans(
    {
        "✓": "v", "✗": "x", "–": "-", "—": "-", "−": "-", "●": "o", "○": ".", "↻": "@", "·": "|", "×": "x",
        "→": "->", "←": "<-", "…": "...", "├": "|", "└": "`", "│": "|", "─": "-", "“": '"', "”": '"',
    }
)  # fmt: skip


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
    text = Text()
    for part in parts:
        text.append_text(_styled(part))
    return text


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


def _styled(part: Part | Mark) -> Text:
    if isinstance(part, Text):
        return part
    if isinstance(part, Mark):
        return Text(part.value[0], style=part.value[1])
    if isinstance(part, str):
        return Text(clean(part))
    return Text(clean(part[0]), style=part[1])


def _joined(row: Sequence[Text], widths: Sequence[int], right: frozenset[int], indent: int) -> Text:
    joined, between = Text(" " * indent), ""
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        if width:
            gap = " " * (width - cell.cell_len)
            before, after = (gap, "") if place in right else ("", gap)
            joined.append(between + before).append_text(cell).append(after)
            between = "  "
    joined.rstrip()
    return joined
