"""A comment of bounded length: whole blocks are left out, the least weighty first, and the comment says which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Final

from lakeflow.as_markdown.text import Markdown, heading, joined, paragraph, said, table
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

MOST: Final = 60_000
"""GitHub takes 65,536 characters; the rest is for what a workflow adds."""
_TABLE: Final = 9_000
_ROWS: Final = 100
_NOTE: Final = 2_000
"""So many characters may be needed to say what is left out."""


class Weight(IntEnum):
    """How much a reader would miss it."""

    HEAD = 0
    BREAKS = 1
    FAILS = 2
    PLAN = 3
    SCHEMA = 4
    ROWS = 5
    DOWNSTREAM = 6
    COST = 7
    SAMPLES = 8
    DETAIL = 9


@dataclass(frozen=True)
class Block:
    """A part that is shown whole or not at all. `what` names it where it is left out."""

    section: str
    what: Markdown
    text: Markdown
    weight: Weight


def bounded(
    header: Sequence[str], rows: Sequence[Sequence[Markdown]], noun: str, right: frozenset[int] = frozenset()
) -> Markdown:
    """A table of as many rows as a reader wants to see, and how many more there are."""
    length, shown = 0, 0
    for row in rows[:_ROWS]:
        length += sum(len(each) + 3 for each in row)
        if length > _TABLE and shown:
            break
        shown += 1
    text = table(header, rows[:shown], right)
    if shown == len(rows):
        return text
    return paragraph(text, "\n\n", f"… and {len(rows) - shown:,} more {noun}.")


def page(title: Markdown, blocks: Sequence[Block], elsewhere: Markdown) -> str:
    """The blocks in their order, with a heading over each section. What is too much is left out, the least weighty
    first; `elsewhere` says where all of it is.
    """
    room = MOST - len(title) - len(elsewhere) - _NOTE
    kept: set[int] = set()
    sections = {""}
    given = [(place, block) for place, block in enumerate(blocks) if block.text]
    for place, block in sorted(given, key=lambda each: (each[1].weight, each[0])):
        cost = len(block.text) + 2 + (0 if block.section in sections else len(block.section) + 7)
        if cost <= room:
            room -= cost
            kept.add(place)
            sections.add(block.section)
    left = [block for place, block in given if place not in kept]
    parts = [f"### {title}", *_parts([block for place, block in given if place in kept])]
    return "\n\n".join((*parts, *_left_out(left, elsewhere))) + "\n"


def _parts(kept: Sequence[Block]) -> Iterator[Markdown]:
    section = ""
    for block in kept:
        if block.section != section:
            yield heading(said(block.section))
        section = block.section
        yield block.text


def _left_out(left: Sequence[Block], elsewhere: Markdown) -> Iterator[Markdown]:
    """What is left out by name, as far as there is room for names."""
    if not left:
        return
    named: list[Markdown] = []
    for block in left:
        if len(", ".join((*named, block.what))) > _NOTE - 200:
            break
        named.append(block.what)
    more = f" and {counted(len(left) - len(named), 'more part')}" if len(left) > len(named) else ""
    yield paragraph("*Left out, because a comment has a limit:* ", joined(named), more, ". ", elsewhere)
