"""How old the newest row may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from lakeflow.core.wording import parse_seconds
from lakeflow.expectations.base import LakeExpectation


class ExpectTableToBeFresh(LakeExpectation):
    """The newest value of a date or time column is at most `max_age` old: `"36h"`, `"90 minutes"`, `"2 days"` or a
    `timedelta`. Times without a zone are UTC. The age is counted to the moment of the audit, in a backtest to the
    moment when the snapshot was written. Values from the future do not count.
    """

    column: str
    max_age: str

    lakeflow_kind: ClassVar[str] = "fresh"
    success_keys: ClassVar[tuple[str, ...]] = ("column", "max_age")

    @pydantic.validator("max_age", pre=True)  # type: ignore[untyped-decorator] # the library is not analysed
    @classmethod
    def _is_an_age(cls, value: Any) -> Any:
        text = f"{value.total_seconds():g} s" if isinstance(value, timedelta) else value
        parse_seconds(text)
        return text

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.ruled(metrics)
