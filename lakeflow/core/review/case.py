"""Results as continuous integration knows them: one case for each step, check and fault, with the file that is to
blame.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from lakeflow.core.declare.sql_header import line_of_select
from lakeflow.core.errors import Fault, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project, PythonCode
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord, StepState
from lakeflow.core.review.change import ChangeEffect, Changes
from lakeflow.core.review.places import line_of_fault, line_of_function, line_of_setting, lines_of_checks, place_of
from lakeflow.core.values import dataclass
from lakeflow.core.view.audited.audits import Inspected


class CaseOutcome(StrEnum):
    """What came of a case. Only `failed` and `errored` are bad; `warned` is told and stops nothing."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Case:
    """One result. `group` is the asset, or the file; `path` is relative to the project's root."""

    group: str
    name: str
    outcome: CaseOutcome
    says: str = ""
    path: str = ""
    line: int = 1
    seconds: float = 0.0


_STEPS: Final = {
    StepState.HELD: CaseOutcome.FAILED,
    StepState.ERRORED: CaseOutcome.ERRORED,
    StepState.CONFLICT: CaseOutcome.ERRORED,
    StepState.SKIPPED: CaseOutcome.SKIPPED,
}
_CHECKS: Final = {
    Outcome.PASSED: CaseOutcome.PASSED,
    Outcome.ERRORED: CaseOutcome.ERRORED,
    Outcome.SKIPPED: CaseOutcome.SKIPPED,
}


@dataclass(frozen=True)
class ProjectFiles:
    """A project, and what reads its files by their paths, which tells the lines of what stands in them."""

    project: Project
    read: Callable[[str], str]

    def place(self, key: AssetKey, field: str = "") -> tuple[str, int]:
        """Where the asset says this of itself; where it does not, its code begins."""
        asset = self.project.assets.get(key)
        if asset is None:
            return "", 1
        path, line = place_of(asset, field)
        if isinstance(asset.code, PythonCode):
            line = line_of_function(self.read(path), key.name, field) or line
        return path, line

    def lines(self, path: str, checks: Sequence[CheckResult]) -> tuple[int, ...]:
        """The lines of the checks of one check file, in the order of their results."""
        text = self.read(path)
        if path.endswith(".sql"):
            return tuple(line_of_fault(text, path, each.detail, line_of_select(text)) for each in checks)
        told = lines_of_checks(text, [each.name for each in checks])
        return tuple(line_of_fault("", path, each.detail, line) for each, line in zip(checks, told, strict=True))


_BUILT_IN: Final[Mapping[str, str]] = {
    "key": "key",
    "history": "key",
    "schema": "columns",
    "personal": "columns",
    "foreign": "foreign_keys",
}
"""The field of an asset that a check is about which every asset has, by the first word of its name."""
_DECLARED: Final = re.compile(r"column (\w+) is ")


def cases_of_run(run: RunRecord | None, files: ProjectFiles) -> tuple[Case, ...]:
    return tuple(case for step in (run.steps if run else ()) for case in _of_step(step, files))


def cases_of_audits(audits: Iterable[Inspected], files: ProjectFiles) -> tuple[Case, ...]:
    return tuple(case for one in audits for case in _of_checks(one.asset, one.checks, files))


def cases_of_faults(faults: Iterable[Fault]) -> tuple[Case, ...]:
    return tuple(
        Case(one.path, "check", CaseOutcome.FAILED, f"{one.message}; {one.hint}", one.path, one.line) for one in faults
    )


def cases_of_changes(found: Changes) -> tuple[Case, ...]:
    outcomes = {ChangeEffect.BREAKING: CaseOutcome.FAILED}
    return tuple(
        Case(
            str(each.asset) if each.asset else each.path,
            f"{each.kind}{f' {each.column}' if each.column else ''}",
            outcomes.get(each.effect, CaseOutcome.PASSED),
            f"{each.says}; {each.hint}" if each.hint else each.says,
            each.path,
            each.line,
        )
        for each in found.changes
    )


def case_of_error(error: LakeflowError, text: str) -> tuple[Case, ...]:
    """An error of the settings, where it stands in `pyproject.toml`, whose text this is; none for another error."""
    path = "pyproject.toml"
    if path not in error.message:
        return ()
    if said := re.search(r"\(at (?:line (\d+)|end of document)", error.message):
        line = int(said[1] or len(text.splitlines()) or 1)
    else:
        line = line_of_setting(text, error.message.partition(":")[0])
    told = f"{error.message}; {error.hint}" if error.hint else error.message
    return (Case(path, "settings", CaseOutcome.FAILED, told, path, line),)


def _of_step(step: StepRecord, files: ProjectFiles) -> Iterator[Case]:
    outcome = _STEPS.get(step.state, CaseOutcome.PASSED) if step.state else CaseOutcome.SKIPPED
    path, line = files.place(step.asset)
    if outcome is CaseOutcome.ERRORED:
        line = line_of_fault(files.read(path), path, step.reason, line)
    says = step.reason or (str(step.state) if step.state else "")
    yield Case(str(step.asset), str(step.action), outcome, says, path, line, step.seconds)
    yield from _of_checks(step.asset, step.checks, files)


def _of_checks(key: AssetKey, checks: Sequence[CheckResult], files: ProjectFiles) -> Iterator[Case]:
    """The cases of one asset's checks, in their order."""
    lines = {
        path: iter(files.lines(path, [each for each in checks if each.path == path]))
        for path in dict.fromkeys(each.path for each in checks if each.path)
    }
    for each in checks:
        place = (each.path, next(lines[each.path])) if each.path else files.place(key, _field(each))
        yield _of_check(str(key), each, place)


def _field(check: CheckResult) -> str:
    """What a check that every asset has is about: a field of the asset, or one of its columns."""
    if (named := _DECLARED.search(check.detail)) and check.name == "schema":
        return f"columns.{named[1]}"
    return _BUILT_IN.get(check.name.partition(" ")[0], "")


def _of_check(asset: str, check: CheckResult, place: tuple[str, int]) -> Case:
    failed = CaseOutcome.FAILED if check.severity is Severity.CRITICAL else CaseOutcome.WARNED
    count = f"{check.failed_rows:,} rows fail" if check.failed_rows else ""
    return Case(asset, check.name, _CHECKS.get(check.outcome, failed), check.detail or count, *place)
