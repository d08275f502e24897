"""Comparisons with main, which is what readers see while a run is being audited.

On the first build there is no main: these are skipped then, and say so.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from lakeflow.expectations.base import LakeExpectation


class ExpectRowCountToStayNearMain(LakeExpectation):
    """Rows now against rows on main: their difference (`min_change`, `max_change`) and their ratio (`min_ratio`,
    `max_ratio`), bounds included; at least one bound. An empty main has no ratio. In an scd2 table only what is current
    is counted.
    """

    min_change: int | None = None
    max_change: int | None = None
    min_ratio: float | None = None
    max_ratio: float | None = None
    row_condition: Any = None

    lakeflow_kind: ClassVar[str] = "row_count"
    success_keys: ClassVar[tuple[str, ...]] = ("min_change", "max_change", "min_ratio", "max_ratio")

    @pydantic.root_validator  # type: ignore[untyped-decorator] # the library is not analysed
    @classmethod
    def _has_a_bound(cls, values: dict[str, Any]) -> dict[str, Any]:
        if all(values.get(name) is None for name in ("min_change", "max_change", "min_ratio", "max_ratio")):
            raise ValueError("give one of min_change, max_change, min_ratio, max_ratio")
        return values

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.ruled(metrics)


class ExpectColumnDistributionToStayNearMain(LakeExpectation):
    """The column's values are spread as on main, within `max_distance` (0: the same, 1: nothing in common).

    Numbers, dates and times: the Kolmogorov-Smirnov distance, the largest gap between both cumulative shares. Text
    and booleans: the total variation distance, half the sum of all differences in share. NULL counts as a value.
    """

    column: str
    max_distance: float = pydantic.Field(ge=0.0, le=1.0)
    row_condition: Any = None

    lakeflow_kind: ClassVar[str] = "distribution"
    success_keys: ClassVar[tuple[str, ...]] = ("column", "max_distance")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.ruled(metrics)
