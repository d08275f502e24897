"""What our expectations have in common: the audit fetches their figures, and they judge them."""

from __future__ import annotations

import os
from typing import Any, ClassVar

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

from great_expectations.expectations.expectation import BatchExpectation, _format_map_output

from lakeflow.core.checks.own_rules import enough, rule


class LakeExpectation(BatchExpectation):  # type: ignore[misc] # the library is not analysed
    """`lakeflow_kind` names the figures that `_validate` gets as `metrics`.

    Great Expectations' own engines see one table, and neither main nor the lake's other tables: run there, these
    expectations say so.
    """

    lakeflow_kind: ClassVar[str] = ""

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        """NotImplementedError: no engine of the library can answer."""
        raise NotImplementedError(f"{type(self).__name__} is answered by lakeflow: `lakeflow audit` runs it on a table")

    def map_output(self, metrics: dict[str, Any], runtime_configuration: Any, mostly: float) -> dict[str, Any]:
        """The result of a rule about rows, as the library words it."""
        rows, judged, failed = (metrics[name] for name in ("rows", "judged", "failed"))
        found: dict[str, Any] = _format_map_output(
            result_format=self._get_runtime_kwargs(runtime_configuration)["result_format"],
            success=enough(judged, failed, mostly),
            element_count=rows,
            nonnull_count=judged,
            unexpected_count=failed,
            unexpected_list=list(metrics.get("values", ())),
        )
        return found

    def ruled(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """The result of a rule about the table as a whole, as the library words it."""
        found = rule(self.lakeflow_kind, self.dict(), metrics)
        details = {"details": dict(found.details)} if found.details else {}
        return {"success": found.success, "result": {"observed_value": found.observed, **details}}
