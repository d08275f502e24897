"""The few elements that a notebook is shown, and their one style. Every text is escaped here, but for drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NewType

from lakeflow.core.displayed import printable
from lakeflow.core.values import dataclass

Html = NewType("Html", str)
"""Markup that is safe to show: only the functions of this room make it."""

_STYLE: Final = (
    ".lakeflow-shown{--lf-bad:#b3261e;--lf-good:#1b7f4b;--lf-line:#8886;font-size:13px;color:inherit;overflow-x:auto}"
    "@media (prefers-color-scheme:dark){.lakeflow-shown{--lf-bad:#ff8a80;--lf-good:#66d19e}}"
    "[data-jp-theme-light=false] .lakeflow-shown,.vscode-dark .lakeflow-shown{--lf-bad:#ff8a80;--lf-good:#66d19e}"
    "[data-jp-theme-light=true] .lakeflow-shown,.vscode-light .lakeflow-shown{--lf-bad:#b3261e;--lf-good:#1b7f4b}"
    ".lakeflow-shown p{margin:.4em 0}.lakeflow-shown table{border-collapse:collapse;margin:.4em 0}"
    ".lakeflow-shown th,.lakeflow-shown td{border-bottom:1px solid var(--lf-line);padding:.2em .7em;text-align:left;"
    "vertical-align:top;background:none;color:inherit}.lakeflow-shown .lf-bad{color:var(--lf-bad)}"
    ".lakeflow-shown .lf-good{color:var(--lf-good)}.lakeflow-shown .lf-null{opacity:.6;font-style:italic}"
)


@dataclass(frozen=True)
class Cell:
    """A text with a `look`: `good`, `bad` or `null`."""

    text: str
    look: str = ""


def text(value: str) -> Html:
    """The text, escaped; what does not show is spelled out."""
    return Html(escape(printable(value), quote=True))


def page(*parts: Html) -> Html:
    """The parts, with the style that only they have."""
    return Html(f'<div class="lakeflow-shown"><style>{_STYLE}</style>{"".join(parts)}</div>')


def paragraph(head: str, *more: str) -> Html:
    """A line that begins bold."""
    return Html(f"<p><b>{text(head)}</b>{''.join(f' {text(each)}' for each in more if each)}</p>")


def table(header: Sequence[str], rows: Iterable[Sequence[str | Cell | None]]) -> Html:
    """A table; None is NULL. Nothing where there are no rows."""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    head = "".join(f"<th>{text(name)}</th>" for name in header)
    return Html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else "")


def picture(svg: str) -> Html:
    """A drawing of the core, which escapes its own texts; it scrolls where it is too wide."""
    return Html(f"<div>{svg}</div>")


def _cell(value: str | Cell | None) -> str:
    cell = value if isinstance(value, Cell) else Cell("NULL", "null") if value is None else Cell(value)
    look = f' class="lf-{cell.look}"' if cell.look else ""
    return f"<td{look}>{text(cell.text)}</td>"
