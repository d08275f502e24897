"""Checks as lines: which failed, on how many rows, and a few of these rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lakeflow.cli.screens.rows import grid
from lakeflow.cli.text import Mark, Text, align, line
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import CheckResult
from lakeflow.core.words import count, in_rows, percent, scope_said

BAD: Final = frozenset({Outcome.FAILED, Outcome.ERRORED})
MOST_SAMPLES: Final = 5
_HEADER: Final = ("check", "row", "column", "value")


def check_lines(checks: Iterable[CheckResult], most: int = MOST_SAMPLES) -> list[Text]:
    """The checks that failed or errored, each with at most `most` of its failing rows."""
    bad = [check for check in checks if check.outcome in BAD]
    heads = align([_cells(check) for check in bad], indent=2)
    return [text for head, check in zip(heads, bad, strict=True) for text in (head, *sample_lines(check.samples, most))]


def passed_of(checks: Sequence[CheckResult]) -> str:
    """`4/5`, or `4/4, 1 skipped`: a check that was skipped neither passed nor failed."""
    tally = Counter(check.outcome for check in checks)
    skipped = f", {tally[Outcome.SKIPPED]} skipped" if tally[Outcome.SKIPPED] else ""
    return f"{tally[Outcome.PASSED]}/{len(checks) - tally[Outcome.SKIPPED]}{skipped}"


def every_check(checks: Iterable[CheckResult], most: int = MOST_SAMPLES) -> list[Text]:
    """All checks, one line each: those that passed or were skipped first, then the others with their failing rows."""
    known = list(checks)
    good = [_passed_cells(check) for check in known if check.outcome not in BAD]
    return [*align(good, indent=2), *check_lines(known, most)]


def _passed_cells(check: CheckResult) -> tuple[Text, ...]:
    passed = check.outcome is Outcome.PASSED
    about = "" if check.rows is None else in_rows(check.rows)
    scope = "; ".join(scope_said(check))
    how = about if passed else f"skipped: {check.detail}" if check.detail else "skipped"
    return line(Mark.OK if passed else Mark.NONE, " ", check.name), line(how), line((scope, "dim"))


def sample_lines(samples: Sequence[Mapping[str, str | None]], most: int) -> list[Text]:
    columns = tuple(dict.fromkeys(name for sample in samples for name in sample))
    rows = grid(columns, [tuple(sample.get(name) for name in columns) for sample in samples[:most]], indent=6)
    more = len(samples) - most
    return [*rows, line(("      and " + count(more) + " more", "dim"))] if more > 0 else rows


def sample_records(checks: Iterable[CheckResult]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Failing rows as records of one value each, because each check has its own columns; NULL is the empty text."""
    rows: list[tuple[str, ...]] = [
        (check.name, str(place), column, value or "")
        for check in checks
        if check.outcome in BAD
        for place, sample in enumerate(check.samples, start=1)
        for column, value in sample.items()
    ]
    return _HEADER, rows


def _cells(check: CheckResult) -> tuple[Text, ...]:
    mark = Mark.BAD if check.holds else Mark.WARN
    return line(mark, " ", check.name), line(_how_much(check)), line((_note(check), "dim"))


def _how_much(check: CheckResult) -> str:
    """How much failed: the audit's own words where it has some, otherwise the count."""
    if check.outcome is Outcome.ERRORED:
        return f"errored: {check.detail or 'no reason given'}"
    if check.detail or check.failed_rows is None:
        return check.detail or "failed"
    if not check.rows:
        return in_rows(check.failed_rows)
    return f"{count(check.failed_rows)} of {in_rows(check.rows)} ({percent(check.failed_rows, check.rows)})"


def _note(check: CheckResult) -> str:
    light = check.severity is not Severity.CRITICAL and check.outcome is Outcome.FAILED
    parts = scope_said(check)
    return "; ".join((*parts, f"{check.severity}, does not hold") if light else parts)
