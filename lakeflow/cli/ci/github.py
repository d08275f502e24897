"""Marks on the lines of files, as GitHub reads them from what a step prints, and the summary of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lakeflow.as_markdown.page import Block, Weight, bounded, page
from lakeflow.as_markdown.text import Markdown, code, said
from lakeflow.core.displayed import printable
from lakeflow.core.review.case import Case, CaseOutcome

_WORDS: Final = {CaseOutcome.FAILED: "error", CaseOutcome.ERRORED: "error", CaseOutcome.WARNED: "warning"}
_MOST: Final = 50
"""GitHub shows ten of each kind for a step; the rest stands in the summary."""
_WHERE: Final = Markdown("The log of the step has all of it.")


def marks(cases: Sequence[Case]) -> list[str]:
    """One line for each case that is not well; the paths are those of the repository."""
    return [_annotation(case) for case in cases if case.outcome in _WORDS][:_MOST]


def summary(command: str, cases: Sequence[Case]) -> str:
    """What did not pass as a table, and how many cases of each outcome there were."""
    counts = [f"{number:,} {outcome}" for outcome in CaseOutcome if (number := _count(cases, outcome))]
    rows = [
        (code(case.group), code(case.name), said(str(case.outcome)), said(case.says), code(case.path))
        for case in cases
        if case.outcome is not CaseOutcome.PASSED
    ]
    table = bounded(("asset or file", "what", "outcome", "says", "file"), rows, "cases")
    return page(
        said(f"lakeflow {command}: {', '.join(counts)}"), [Block("", said("cases"), table, Weight.FAILS)], _WHERE
    )


def _count(cases: Sequence[Case], outcome: CaseOutcome) -> int:
    return sum(case.outcome is outcome for case in cases)


def _annotation(case: Case) -> str:
    place = {"file": case.path, "line": str(case.line)} if case.path else {}
    given = {**place, "title": f"{case.group} {case.name}"}
    told = ",".join(f"{name}={_property(value)}" for name, value in given.items())
    return f"::{_WORDS[case.outcome]} {told}::{_data(case.says or str(case.outcome))}"


def _data(text: str) -> str:
    """Line breaks are spelled out before, so that no text begins a command of its own."""
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
