"""Cases as JUnit XML, which every system of continuous integration reads."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from lakeflow.core.displayed import printable
from lakeflow.core.review.case import Case, CaseOutcome

_BAD = {CaseOutcome.FAILED: "failure", CaseOutcome.ERRORED: "error", CaseOutcome.SKIPPED: "skipped"}


def junit(command: str, cases: Sequence[Case]) -> str:
    """A suite for each asset or file, in the order in which they come. A warning passes and is told beside."""
    top = ElementTree.Element("testsuites", {"name": f"lakeflow {command}", **_totals(cases)})
    for group in dict.fromkeys(case.group for case in cases):
        mine = [case for case in cases if case.group == group]
        suite = ElementTree.SubElement(top, "testsuite", {"name": printable(group), **_totals(mine)})
        for case in mine:
            _add(suite, case)
    ElementTree.indent(top)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(top, encoding="unicode")}\n'


def _totals(cases: Sequence[Case]) -> dict[str, str]:
    numbers = {f"{what}s" if what != "skipped" else what: outcome for outcome, what in _BAD.items()}
    counted = {name: str(sum(case.outcome is outcome for case in cases)) for name, outcome in numbers.items()}
    return {"tests": str(len(cases)), **counted, "time": f"{sum(case.seconds for case in cases):.3f}"}


def _add(suite: ElementTree.Element, case: Case) -> None:
    place = {"file": printable(case.path), "line": str(case.line)} if case.path else {}
    names = {"classname": printable(case.group), "name": printable(case.name), "time": f"{case.seconds:.3f}"}
    one = ElementTree.SubElement(suite, "testcase", {**names, **place})
    if what := _BAD.get(case.outcome):
        ElementTree.SubElement(one, what, {"message": printable(case.says)})
    elif case.outcome is CaseOutcome.WARNED:
        ElementTree.SubElement(one, "system-out").text = printable(f"warning: {case.says}")
