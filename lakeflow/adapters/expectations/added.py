"""Runs checks on the added rows alone, where a write left all other rows as they were and those have passed.

1. A merge may remove good rows, so after it only checks that allow no bad row are taken.
2. After an append, a share of good rows that holds below and in the added rows also holds for both together.
3. A check that fails on the added rows is asked of all rows, unless it allows no bad row at all.
4. For a key that was unique, the keys of the added rows are looked up among all rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.adapters.expectations.checks.built_in import KeyFilled, KeyUnique, RowsAccounted, SchemaHolds
from lakeflow.adapters.expectations.checks.check import Check, Rule
from lakeflow.adapters.expectations.checks.expectation import ExpectationRule
from lakeflow.adapters.expectations.compile.is_constant import told_apart
from lakeflow.adapters.expectations.library.criteria import Mostly
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.keys import Keys
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import Aggregate
from lakeflow.adapters.expectations.table import Audited, Queries
from lakeflow.core.model.check import CheckKind, Outcome, Suite
from lakeflow.core.model.run import CheckResult, ReadScope
from lakeflow.core.run.audits.audit_request import AuditRequest

_BUILT_IN = ""


class Added:
    """The rows that a write added, and the checks that need to look only at them."""

    def __init__(self, request: AuditRequest, queries: Queries, table: Audited) -> None:
        self._answers = Answers(queries, table, ReadScope.ADDED)
        self._passed = request.added_rows.passed if request.added_rows else frozenset()
        self._lasting = _lasting(request.suite) if self._passed else frozenset()
        self._replaced = request.added_rows.replaced if request.added_rows else 0
        self._taken: dict[str, Check] = {}

    def take(self, checks: Sequence[Check], answers: Answers) -> None:
        """The checks that need only the added rows, without those that metadata answers."""
        self._taken = {
            check.unit: check
            for check in checks
            if (check.path, check.name) in self._passed
            and check.path in self._lasting
            and self._is_enough_for(check.rule)
            and (isinstance(check.rule, SchemaHolds) or not answers.are_certain(check.rule.plans))
        }

    def _is_enough_for(self, rule: Rule) -> bool:
        """Do the added rows suffice for this check? A merge rewrites unchanged rows, so its added rows exceed the
        incoming ones.
        """
        if self._replaced and isinstance(rule, RowsAccounted):
            return False
        return _is_about_each_row(rule) and (_is_strict(rule) or not self._replaced)

    def takes(self, check: Check) -> bool:
        return check.unit in self._taken

    def scan(self) -> None:
        self._answers.scan(plan for check in self._taken.values() for plan in check.rule.plans)

    def run(self, check: Check, answers: Answers) -> CheckResult:
        """Never raises, as `Check.run`."""
        if not self.takes(check):
            return check.run(answers)
        found = check.run(self._answers)
        looked = found.rows or isinstance(check.rule, SchemaHolds)
        if (found.outcome is Outcome.PASSED and looked) or (found.outcome is Outcome.FAILED and _is_strict(check.rule)):
            return found
        answers.scan(check.rule.plans)
        return check.run(answers)


def _lasting(suite: Suite) -> frozenset[str]:
    """The files whose checks say the same today as when the rows below passed. Another file may have moved its bounds
    since.
    """
    files = (file for file in suite.files if file.kind is CheckKind.SUITE)
    return frozenset((_BUILT_IN, *(file.path for file in files if told_apart(file.text) is not None)))


def _is_about_each_row(rule: Rule) -> bool:
    if isinstance(rule, SchemaHolds | KeyFilled | KeyUnique | RowsAccounted):
        return True
    about_rows = isinstance(rule, ExpectationRule) and isinstance(rule.criterion, Mostly)
    enough = (Aggregate, Keys) if _is_strict(rule) else Aggregate
    return about_rows and all(isinstance(plan, enough) and _can_tell(plan) for plan in rule.plans)


def _can_tell(plan: Plan) -> bool:
    return not isinstance(plan, Keys) or bool(plan.added)


def _is_strict(rule: Rule) -> bool:
    return not (isinstance(rule, ExpectationRule) and isinstance(rule.criterion, Mostly)) or rule.criterion.mostly >= 1
