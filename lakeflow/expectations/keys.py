"""Keys that must exist: those of another table, and those that readers know already."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic

from lakeflow.expectations.base import LakeExpectation


class ExpectForeignKeyToExist(LakeExpectation):
    """Every row's `columns` are a key of another table of the lake; rows in which one of them is NULL are not judged.

    `references` is the other asset, `"silver.carriers"`: the branch of this run where the run writes it, what readers
    see otherwise; `"published.silver.carriers"` is always what readers see. It must be written as a literal, because
    plans read it without executing the file. `referenced_columns` are its columns where they have other names.
    """

    columns: str | list[str]
    references: str
    referenced_columns: str | list[str] | None = None
    mostly: float = pydantic.Field(default=1.0, ge=0.0, le=1.0)
    row_condition: Any = None

    lakeflow_kind: ClassVar[str] = "foreign_key"
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "references", "referenced_columns", "mostly")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.map_output(metrics, runtime_configuration, self.mostly)


class ExpectNoKeyToDisappear(LakeExpectation):
    """Every key that readers see on main is still there, in an scd2 table with a version that is current. `columns`
    are the asset's declared key unless given.

    Its rows are those of main. On the first build there is nothing to compare with: it is skipped.
    """

    columns: str | list[str] | None = None
    mostly: float = pydantic.Field(default=1.0, ge=0.0, le=1.0)

    lakeflow_kind: ClassVar[str] = "no_key_disappears"
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "mostly")

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return self.map_output(metrics, runtime_configuration, self.mostly)
