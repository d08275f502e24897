"""The second door to Great Expectations: rules that its users register, applied to a frame of values.

A rule is registered for the pandas engine as `<rule>.condition`. Only rules about the values of one row can be applied
this way. A rule that compares rows is found by applying it again with other neighbours, and refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from lakeflow.adapters.expectations.library import library
from lakeflow.adapters.expectations.table import CannotCheck
from lakeflow.core.values import dataclass

_TRIED: Final = 100
"""How many values a user's rule has to judge a second time."""


@dataclass(frozen=True)
class Provider:
    """One rule with its arguments."""

    rule: str
    ask: Callable[[Any], Sequence[bool]]

    def bad(self, frame: Any) -> Sequence[bool]:
        """For each row of the frame, whether it breaks the rule. CannotCheck when that depends on other rows."""
        answers = self.ask(frame)
        self._prove(frame.head(_TRIED), answers[:_TRIED])
        return answers

    def _prove(self, frame: Any, answers: Sequence[bool]) -> None:
        """Prove that every value is judged as before when it stands alone, and in the reverse order."""
        backwards = list(reversed(range(len(frame)))) * 2
        alone = [self.ask(frame.iloc[[place]])[0] for place in range(min(len(frame), 10))]
        again = self.ask(frame.iloc[backwards].reset_index(drop=True))
        if alone != list(answers[: len(alone)]) or again != [answers[place] for place in backwards]:
            raise CannotCheck(
                f"{self.rule!r} judges a value by the rows around it; it is asked here value by value: "
                "write it as a bad-row query (UnexpectedRowsExpectation or a .sql check)"
            )


def provider(rule: str, domain: Mapping[str, Any], arguments: Mapping[str, Any]) -> Provider:
    """The rule of that name. CannotCheck when the library has none, or one that needs more than the values
    themselves.
    """
    engine = _engine()
    found = _registered(rule, engine)
    domain = {"batch_id": None, "row_condition": None, "condition_parser": None, **domain}
    _refuse_wishes(found[0], rule, domain, arguments)

    def ask(frame: Any) -> Sequence[bool]:
        engine.load_batch_data("values", frame)
        known = {"table.columns": list(frame.columns), "table.row_count": len(frame), "table.column_types": []}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bad = found[1](found[0], engine, dict(domain), dict(arguments), known, {})[0]
        if str(bad.dtype) != "bool" or len(bad) != len(frame):
            raise CannotCheck(f"the provider of {rule!r} does not answer True or False for each value")
        return list(bad.tolist())

    return Provider(rule, ask)


@cache
def _engine() -> Any:
    library.load()
    from great_expectations.execution_engine import PandasExecutionEngine  # noqa: PLC0415 - as in seam

    return PandasExecutionEngine()


def _registered(rule: str, engine: Any) -> tuple[Any, Callable[..., Any]]:
    from great_expectations.exceptions import MetricProviderError  # noqa: PLC0415 - as in seam
    from great_expectations.expectations.registry import get_metric_provider  # noqa: PLC0415 - as in seam

    try:
        owner, ask = get_metric_provider(f"{rule}.condition", engine)
    except MetricProviderError:
        raise CannotCheck(
            f"{rule!r} is not compiled to SQL and has no condition for the pandas engine; "
            "write it as a bad-row query (UnexpectedRowsExpectation or a .sql check)"
        ) from None
    return owner, ask


def _refuse_wishes(owner: Any, rule: str, domain: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    from great_expectations.validator.metric_configuration import MetricConfiguration  # noqa: PLC0415 - as in seam

    asked = MetricConfiguration(f"{rule}.condition", dict(domain), dict(arguments))
    wishes = owner.get_evaluation_dependencies(metric=asked, execution_engine=_engine())
    more = sorted(name for name in wishes if not name.startswith("table."))
    if more:
        raise CannotCheck(
            f"{rule!r} wants {', '.join(more)} of the whole column; write it as a bad-row query "
            "(UnexpectedRowsExpectation or a .sql check)"
        )
