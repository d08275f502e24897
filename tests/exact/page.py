"""The tables of docs/exact-values.md, made of the cases: `python -m tests.exact.page` writes them."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

from tests.exact.cases import KINDS, Case
from tests.exact.lab import Lab, Told, lab

PAGE: Final = Path(__file__).parents[2] / "docs" / "exact-values.md"
BEGIN: Final = "<!-- made by tests.exact.page -->\n"


def page_today(opened: Lab) -> str:
    """The page with what becomes of each case today."""
    above, _, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return above + BEGIN + "".join(_table(kind, cases, opened) for kind, cases in KINDS.items())


def _table(kind: str, cases: tuple[Case, ...], opened: Lab) -> str:
    """One row where the same text becomes the same in several ways."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        rows.setdefault(_cells(case, case.told(opened)), []).append(case.way)
    lines = (
        f"| {declared} | {given} | {', '.join(ways)} | {stored} | {refused} |\n"
        for (declared, given, stored, refused), ways in rows.items()
    )
    return f"\n### {kind}\n\n{_HEAD}{''.join(lines)}"


_HEAD: Final = "| declared | given | in | stored | refused: the column holds … |\n|---|---|---|---|---|\n"
_TEXT: Final = re.compile(r"'[^']*'")


def _cells(case: Case, told: Told) -> tuple[str, ...]:
    given = case.given[1:-1] if case.way == "SQL" and _TEXT.fullmatch(case.given) else case.given
    return (
        f"`{case.declared}`" if case.declared else "",
        given if case.way in {"Parquet", "Python"} else _code(given),
        _code(str("NULL" if told.values[0] is None else told.values[0])) if told.stored else "",
        "" if told.stored else _cause(told.error),
    )


def _cause(error: str) -> str:
    """The end of the message, which says what was wrong; before it stand asset, file and row."""
    words = error.partition("column 'v")[2].partition(" (layers/")[0]
    path, _, said = words.partition("' ")
    said = said.removeprefix("holds ").removeprefix("has ")
    return (f"at `v{path}`: {said}" if path else said).replace("|", "\\|")


def _code(text: str) -> str:
    """As code in a cell; a text with blanks at its ends keeps them."""
    text = text.replace("|", "\\|")
    return f"`{text}`" if text else "(an empty text)"


def main() -> None:
    with tempfile.TemporaryDirectory() as root, lab(Path(root)) as opened:
        PAGE.write_text(page_today(opened), encoding="utf-8")


if __name__ == "__main__":
    main()
