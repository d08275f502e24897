"""The rules of lakeflow's own expectations, as data: SQL gives numbers, `lakeflow.core.checks.own_rules` judges
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.checks.check import Observation, Rule, of_no_rows
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.checks.own_rules import rule
from lakeflow.core.model.check import Outcome
from lakeflow.core.values import dataclass

FIRST_BUILD: Final = "nothing is published to compare with"


@dataclass(frozen=True)
class OwnRule:
    """One kind about the table as a whole. `metrics` have the names under which its class expects them.

    `looked` counts what was judged, where that may be nothing; `withheld` means that the finding must not be shown.
    """

    kind: str
    args: Mapping[str, Any]
    metrics: Mapping[str, Plan]
    looked: Plan | None = None
    allow_empty: bool = False
    withheld: bool = False

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (*self.metrics.values(), *((self.looked,) if self.looked else ()))

    def find(self, answers: Answers) -> Observation:
        looked = answers.value(self.looked) if self.looked else None
        if looked == 0:
            return of_no_rows(allowed=self.allow_empty)
        values = {name: answers.value(plan) for name, plan in self.metrics.items()} | {"at": answers.table.moment}
        found = rule(self.kind, self.args, values)
        told = "what was found is withheld: the column holds personal data" if self.withheld else found.told
        return Observation(Outcome.PASSED if found.success else Outcome.FAILED, told, rows=looked, metrics=values)


@dataclass(frozen=True)
class AgainstMain:
    """A rule that compares these columns with main. Where main lacks them it is skipped, and holds nothing."""

    rule: Rule
    columns: tuple[str, ...] = ()

    @property
    def plans(self) -> tuple[Plan, ...]:
        return self.rule.plans

    def find(self, answers: Answers) -> Observation:
        main = answers.table.main
        if main is None:
            return Observation(Outcome.SKIPPED, FIRST_BUILD)
        missing = [name for name in self.columns if main.find(name) is None]
        return (
            Observation(Outcome.SKIPPED, f"main has no column {missing[0]} yet") if missing else self.rule.find(answers)
        )


@dataclass(frozen=True)
class CrossTableRule:
    """A rule that reads another table, `layer.name` or `published.layer.name`."""

    rule: Rule
    name: str

    @property
    def plans(self) -> tuple[Plan, ...]:
        return self.rule.plans

    def find(self, answers: Answers) -> Observation:
        if self.name not in {str(answers.table.asset), *answers.table.readable}:
            raise CannotCheck(
                f"{self.name!r} is no table that this check may read: it was never built, "
                'or its name is not written as a literal (references="layer.name") in the check file'
            )
        return self.rule.find(answers)
