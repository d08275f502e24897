"""The columns that readers were promised."""

from __future__ import annotations

from typing import Any, ClassVar

from lakeflow.expectations.base import LakeExpectation


class ExpectSchemaToMatchContract(LakeExpectation):
    """The table has these columns with these types, spelled as Iceberg, DuckDB or Arrow spell them; None: any type.

    Further columns are a breach unless `allow_extra`; another order is one if `ordered`.
    """

    columns: dict[str, str | None]
    allow_extra: bool = False
    ordered: bool = False

    lakeflow_kind: ClassVar[str] = "schema"
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "allow_extra", "ordered")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.ruled(metrics)
