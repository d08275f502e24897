"""What a checkout changes against main or a commit, as a screen: what breaks first."""

from __future__ import annotations

from typing import Final

from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.review.change import Change, ChangeEffect, Changes
from lakeflow.core.wording import counted

_MARKS: Final = {
    ChangeEffect.BREAKING: Mark.BAD,
    ChangeEffect.CHANGED: Mark.CHANGED,
    ChangeEffect.ADDITIVE: Mark.NEW,
    ChangeEffect.UNAFFECTED: Mark.SAME,
}


def changes_screen(found: Changes) -> Text:
    told = [line for each in found.changes for line in _lines(each)]
    below = [
        (line(_MARKS[each.effect]), line(str(each.asset)), line(str(each.effect)), line(f"by {each.of}"))
        for each in found.downstream
    ]
    unknown = [line(f"not known without a run: the columns of {key} ({why})") for key, why in found.unknown.items()]
    broken = len(found.breaking)
    others = counted(len(found.changes) - broken, "other change")
    head = f"{counted(broken, 'breaking change')}, {others} against {found.other}"
    downstream = [line("downstream by column lineage"), *align(below, indent=2)] if below else []
    return screen(told, downstream, unknown, [line(head)])


def _lines(each: Change) -> list[Text]:
    place = f"{each.path}:{each.line}: " if each.path else ""
    first = line(_MARKS[each.effect], f" {place}{each.says}")
    return [first, line(f"    {each.hint}")] if each.hint else [first]
