"""A check that is ready to run, and its finding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.checks.evidence import counts, evidence
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.check import Outcome, Severity, Thresholds
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult, ReadScope
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

NOTHING: Final = "there was nothing to look at; say allow_empty where that is fine"
_WIDEST: Final = (ReadScope.ALL, ReadScope.ADDED)
_PLACE: Final = re.compile(r"^[A-Z][A-Za-z -]* Error(?=:)")


@dataclass(frozen=True)
class Observation:
    """The finding of one check; `rows` is how many it judged, None where it judges no rows.

    `metrics` are the numbers that it was judged by, under the library's names.
    """

    outcome: Outcome
    detail: str = ""
    failed_rows: int | None = None
    rows: int | None = None
    samples: tuple[Mapping[str, str | None], ...] = ()
    metrics: Mapping[str, Any] = EMPTY


def of_no_rows(*, allowed: bool) -> Observation:
    """What a check saw that had no row to look at."""
    if allowed:
        return Observation(Outcome.PASSED, "nothing to look at, which is allowed", rows=0)
    return Observation(Outcome.ERRORED, NOTHING, rows=0)


class Rule(Protocol):
    """What a check does. The rules of a check file are data where that is possible, so that they can be cached."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The metrics that the rule needs from the shared scan."""
        ...

    def find(self, answers: Answers) -> Observation:
        """Judge the table. AssetError when the engine cannot answer; CannotCheck when the check makes no sense for this
        table.
        """
        ...


@dataclass(frozen=True)
class Check:
    """`unit` names the check among all of an audit, in whatever process it runs.

    `personal` says that a value, or an engine's message about it, may be personal data. `configuration` is the
    library's own JSON of an expectation. With a `refusal`, failing rows go to quarantine.
    """

    unit: str
    name: str
    rule: Rule
    path: str = ""
    severity: Severity = Severity.CRITICAL
    personal: bool = False
    configuration: Mapping[str, Any] | None = None
    refusal: Refusal | None = None
    thresholds: Thresholds | None = None

    def run(self, answers: Answers) -> CheckResult:
        """Run the check. It never raises: a check that breaks is errored, and says why."""
        answers.used.clear()
        found = self._run(answers)
        scope = next((scope for scope in _WIDEST if scope in answers.used), ReadScope.METADATA)
        return replace(found, scope=scope, asked=answers.asked)

    def _run(self, answers: Answers) -> CheckResult:
        try:
            return self._result(self.rule.find(answers))
        except CannotCheck as error:
            return self.errored(str(error))
        except AssetError as error:
            return self.errored(withheld(error.message, personal=self.personal))
        except Exception as error:  # noqa: BLE001 - the boundary to the library: a broken rule is never a pass
            said = type(error).__name__ if self.personal else f"{type(error).__name__}: {error}"
            return self.errored(f"the expectation broke with {said}")

    def errored(self, reason: str) -> CheckResult:
        return self._result(Observation(Outcome.ERRORED, reason))

    def _result(self, finding: Observation) -> CheckResult:
        severity = self.severity
        if self.thresholds and finding.failed_rows is not None and finding.outcome is Outcome.FAILED:
            severity, finding = self._borne(self.thresholds, finding)
        return CheckResult(
            name=self.name,
            outcome=finding.outcome,
            severity=severity,
            failed_rows=finding.failed_rows,
            rows=finding.rows,
            detail=finding.detail,
            path=self.path,
            samples=finding.samples,
            evidence=evidence(self.configuration, counts(finding.metrics) if self.personal else finding.metrics),
        )

    def _borne(self, limits: Thresholds, finding: Observation) -> tuple[Severity, Observation]:
        """The severity of that many bad rows; None is a pass."""
        severity = limits.severity(finding.failed_rows or 0, finding.rows or 0)
        detail = "; ".join(part for part in (finding.detail, str(limits)) if part)
        if severity is None:
            return self.severity, replace(finding, outcome=Outcome.PASSED, detail=detail)
        return severity, replace(finding, detail=detail)


def withheld(message: str, *, personal: bool) -> str:
    """An engine's message, or only its kind where the rest may quote a personal value."""
    if not personal:
        return message
    kind = _PLACE.match(message)
    return f"the query failed ({kind[0] if kind else 'error'}); its words are withheld, they may quote personal data"


@dataclass(frozen=True)
class Broken:
    """The rule of a check that other code kept from being compiled. Tomorrow it may work."""

    reason: str
    plans: tuple[Plan, ...] = ()

    def find(self, _: Answers) -> Observation:
        return Observation(Outcome.ERRORED, self.reason)


@dataclass(frozen=True)
class Stated:
    """The rule of a check that was decided without reading rows: it is about the schema, or makes no sense here."""

    outcome: Outcome
    detail: str = ""
    plans: tuple[Plan, ...] = ()

    def find(self, _: Answers) -> Observation:
        return Observation(self.outcome, self.detail)


def in_groups(rows: int, groups: int) -> str:
    """For instance `6 rows in 3 groups`."""
    return f"{counted(rows, 'row')} in {counted(groups, 'group')}"


def share(failed: int, rows: int) -> str:
    """For instance `1 of 26,115 rows (0.004%)`."""
    percent = f" ({failed / rows * 100:.3g}%)" if rows else ""
    return f"{failed:,} of {counted(rows, 'row')}{percent}"
