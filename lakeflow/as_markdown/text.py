"""The few forms of Markdown that a comment is made of. Every text that is shown is escaped here.

A text can begin nothing: no markup, no HTML, no new cell, no link, no mention of a person, no reference to an issue.
GitHub and GitLab look for the last three in the text nodes of the finished page, and an empty comment splits those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NewType

from lakeflow.core.displayed import printable

Markdown = NewType("Markdown", str)
"""Text that is safe to show: only the functions of this room make it."""

LONGEST: Final = 120
"""So many characters of one text are shown."""
_ACTS: Final = re.compile(r"[\\`*~\[\]<>&|$^{}=]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_SPLIT: Final = "<!-- -->"
_NODES: Final = re.compile(
    r"([@#!%:~$&](?=[\w./:+\-@\"'&\\])|/(?=/)|www(?=\.)|GH(?=-\d)|(?:mailto|xmpp)(?=:))", re.IGNORECASE
)
"""Where a page would begin a mention, a reference or a link: what follows is another text node."""
_END: Final = "\0"
"""Stands for the end of a text node until all is escaped; no text that can be printed has it."""
_BLANK: Final = "&nbsp;"


def said(text: str) -> Markdown:
    """The text within a sentence."""
    return Markdown(_escaped(text))


def code(text: str) -> Markdown:
    """The text as it is, blanks included: a name, or a value of a cell."""
    if not text:
        return Markdown("*empty*")
    shown = _escaped(text)
    shown = re.sub(r"^ | $|(?<= ) ", _BLANK, shown)
    return Markdown(f"<code>{shown}</code>")


def cell(value: str | None) -> Markdown:
    """A value of a row; None is NULL."""
    return Markdown("*NULL*") if value is None else code(value)


def joined(parts: Sequence[Markdown], between: str = ", ") -> Markdown:
    return Markdown(between.join(parts))


def paragraph(*parts: Markdown | str) -> Markdown:
    """Parts one after the other; a `str` is ours and has no text of anybody else in it."""
    return Markdown("".join(parts))


def heading(text: Markdown) -> Markdown:
    return Markdown(f"#### {text}")


def bullets(items: Sequence[Markdown]) -> Markdown:
    return Markdown("\n".join(f"- {item}" for item in items))


def table(header: Sequence[str], rows: Sequence[Sequence[Markdown]], right: frozenset[int] = frozenset()) -> Markdown:
    """A table; columns in `right` are flush right. Nothing where there are no rows. The header is ours."""
    if not rows:
        return Markdown("")
    rules = ("---:" if place in right else "---" for place in range(len(header)))
    lines = [list(header), list(rules), *rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def fold(summary: Markdown, *blocks: Markdown) -> Markdown:
    """Detail that a reader opens. Nothing where there is none."""
    inner = [block for block in blocks if block]
    if not inner:
        return Markdown("")
    body = "\n\n".join(inner)
    return Markdown(f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>")


def _escaped(text: str) -> str:
    """One line. What does not show, such as a change of direction, is spelled out."""
    shown = printable(text)
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
    coded = _ACTS.sub(lambda found: f"&#{ord(found[0])};", _NODES.sub("\\1" + _END, shown))
    return coded.replace(_END, _SPLIT)
