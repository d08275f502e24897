"""The rule of an expectation: SQL for the metrics that it needs, and a criterion that judges them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakeflow.adapters.expectations.checks import names
from lakeflow.adapters.expectations.checks.check import Observation, in_groups, of_no_rows, share
from lakeflow.adapters.expectations.library.criteria import Criterion, Values, plain
from lakeflow.adapters.expectations.metrics import per_value as pervalue
from lakeflow.adapters.expectations.metrics import samples
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.metrics.keys import Keys
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.per_value import PerValue
from lakeflow.adapters.expectations.metrics.plans import MetricQuery
from lakeflow.adapters.expectations.sql.literals import text
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.errors import AssetError
from lakeflow.core.model.check import Outcome
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class BadOnes:
    """How to find the rows that break a rule about rows.

    `count` names the metric that counts them, `sample` is the query of a few of them; `keys` are the key columns of a
    uniqueness rule.
    """

    count: str
    sample: str
    keys: Keys | None = None


@dataclass(frozen=True)
class ExpectationRule:
    """An expectation as data, unless only the library itself can judge it.

    `looked` counts the rows that it judges, None where it is about the table as a whole. `note` is added to whatever is
    found; `withheld` means that the finding must not be shown.
    """

    metrics: Mapping[str, Plan]
    criterion: Criterion
    looked: Plan | None = None
    bad: BadOnes | None = None
    regexes: tuple[str, ...] = ()
    allow_empty: bool = False
    note: str = ""
    withheld: bool = False

    @property
    def plans(self) -> tuple[Plan, ...]:
        return (*self.metrics.values(), *((self.looked,) if self.looked else ()))

    def find(self, answers: Answers) -> Observation:
        for regex in self.regexes:
            _prove_regex(answers, regex)
        looked = answers.value(self.looked) if self.looked else None
        if looked == 0:
            return of_no_rows(allowed=self.allow_empty)
        values = self._values(answers)
        judgement = self.criterion.judge(plain(values))
        outcome = Outcome.PASSED if judgement.success else Outcome.FAILED
        if self.bad is None:
            return Observation(outcome, self._found(judgement.observed, values), rows=looked, metrics=values)
        failed = values[self.bad.count]
        shown = self._shown(answers, self.bad) if failed and outcome is Outcome.FAILED else ()
        return Observation(outcome, self._annotated(answers, self.bad, failed, looked), failed, looked, shown, values)

    def _shown(self, answers: Answers, bad: BadOnes) -> tuple[samples.Sample, ...]:
        asked = self.metrics.get(bad.count)
        if isinstance(asked, PerValue):
            return samples.rows(answers, pervalue.holding(bad.sample, asked, answers.tally(asked)))
        return samples.rows(answers, bad.sample)

    def _values(self, answers: Answers) -> dict[str, Any]:
        """All metrics. The failing values are asked only after it is known that there are some."""
        values: dict[str, Any] = {}
        for name in sorted(self.metrics, key=lambda name: not name.endswith(".count")):
            none = values.get(f"{name}.count") == 0
            values[name] = [] if none else answers.value(self.metrics[name])
        return values

    def _annotated(self, answers: Answers, bad: BadOnes, failed: int, looked: int | None) -> str:
        detail = share(failed, looked or 0) if failed else ""
        if failed and bad.keys:
            detail = in_groups(failed, answers.repeated(bad.keys)[1])
        return "; ".join(part for part in (detail, self.note) if part)

    def _found(self, observed: Any, values: Values) -> str:
        if self.withheld:
            return "what was found is withheld: the column holds personal data"
        outside = values.get("column.distinct_values.not_in_set") or ()
        missing = values.get("column.distinct_values.missing_from_column") or ()
        parts = [f"found {names.listed(outside)} besides"] if outside else []
        parts += [f"missing {names.listed(missing)}"] if missing else []
        if not parts and observed is not None:
            parts = [f"found {names.listed(observed) if isinstance(observed, (list, set)) else names.value(observed)}"]
        return "; ".join(parts)


def _prove_regex(answers: Answers, regex: str) -> None:
    try:
        answers.value(MetricQuery(f"SELECT regexp_matches('', {text(regex)})"))
    except AssetError as error:
        raise CannotCheck(
            f"the engine's regular expressions (RE2: no look-around, no back-references) refuse /{regex}/: "
            f"{error.message}; say it in a bad-row query"
        ) from None
