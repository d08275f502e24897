"""The columns of an asset for a reader: type, meaning, what is personal, how that is masked, and what is checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lakeflow.core.model.asset import Asset, Mask
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class ColumnRow:
    """`personal` says that its values are never shown, `mask` that what stands in the table is masked already."""

    name: str
    type: str
    description: str = ""
    personal: bool = False
    mask: Mask | None = None
    is_key: bool = False
    checks: int = 0


def column_rows(
    asset: Asset, table: Table | None, personal: Collection[str], checks: Sequence[CheckResult]
) -> tuple[ColumnRow, ...]:
    """The columns that readers see, or those that are declared where nothing was published. `personal` is in lower
    case.
    """
    declared = {name.lower(): column for name, column in asset.columns.items()}
    if table is not None and table.main is not None:
        shown = [(field.name, str(field.type)) for field in table.schema.fields]
    else:
        shown = [(name, column.type or "") for name, column in asset.columns.items()]
    keys = {name.lower() for name in asset.row_key}
    rows = []
    for name, type_ in shown:
        said = declared.get(name.lower())
        rows.append(
            ColumnRow(
                name,
                type_,
                said.description if said else "",
                name.lower() in personal,
                said.mask if said else None,
                name.lower() in keys,
                sum(_names(check.name, name) for check in checks),
            )
        )
    return tuple(rows)


def _names(check: str, column: str) -> bool:
    """Does the name of a check name this column as a word?"""
    words = "".join(letter if letter.isalnum() or letter == "_" else " " for letter in check.lower()).split()
    return column.lower() in words
