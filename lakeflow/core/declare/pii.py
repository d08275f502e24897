"""The law of personal data: bronze may hold it and declares it; assets made from it mask it.

The text of a SELECT shows what it does with a personal column; what it does not show is refused. The text of a function
does not show it, so its columns are audited by name (`lakeflow.core.view.lineage.personal_inputs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Column
from lakeflow.core.sql.column_origins import ANY, Columns, Flows, Named, Origins, Star, union

Personal: TypeAlias = Mapping[AssetKey, frozenset[str]]
"""The unmasked personal columns of assets, in lower case."""
_MASK = 'give it mask = "hash" or mask = "redact", or leave the column out'


def unmasked(drafts: Sequence[AssetDraft]) -> Iterator[Fault]:
    """A fault for each column that may not hold personal data and does. The drafts come upstreams first and have no
    other faults.
    """
    personal: dict[AssetKey, frozenset[str]] = {}
    for draft in drafts:
        yield from _declared(draft)
        yield from _carried(draft, personal)
        personal[draft.key] = _left(draft)


def _left(draft: AssetDraft) -> frozenset[str]:
    columns = draft.declaration.columns
    return frozenset(name.lower() for name, column in columns.items() if column.pii and column.mask is None)


def _declared(draft: AssetDraft) -> Iterator[Fault]:
    for name in sorted(_left(draft)) if draft.key.layer is not Layer.BRONZE else ():
        message = f"{draft.key} holds personal data unmasked in column {name!r}, which only bronze may"
        yield _fault(draft, name, message, _MASK)


def _carried(draft: AssetDraft, personal: Personal) -> Iterator[Fault]:
    if draft.flows is None or not any(personal.get(key) for key in draft.inputs.values()):
        return
    said = {name.lower(): column for name, column in draft.declaration.columns.items()}
    for name, origin in sorted(named_carriers(draft.flows, personal).items()):
        column = said.get(name, Column())
        if column.pii is None and column.mask is None:
            message = f"{draft.key}: column {name!r} comes from {origin}, which is personal"
            bronze = draft.key.layer is Layer.BRONZE
            hint = "declare it pii = true, or give it a mask" if bronze else _MASK
            yield _fault(draft, name, message, f"{hint}; pii = false says that it tells nothing of a person")
    if origin := unnamed_carrier(draft.flows, personal):
        message = f"{draft.key}: a column whose name the SELECT does not tell may come from {origin}, which is personal"
        yield draft.fault(message, _NAME_IT)


_NAME_IT: Final = (
    "write each column by its name (`as`, `exclude (…)`, `union all by name`, `unnest` in the FROM): then what is "
    "masked or left out can be seen"
)


def named_carriers(flows: Flows, personal: Personal) -> dict[str, str]:
    """The named columns that personal values flow into, each with one column that they come from."""
    named = (each for each in flows.columns if isinstance(each, Named) and each.name)
    found = {each.name: origin for each in named if (origin := _origin(flows.of(each.name), personal))}
    for star in (each for each in flows.columns if isinstance(each, Star)):
        for column in personal.get(star.key, frozenset()) - star.without:
            found.setdefault(column, f"{star.key}.{column}")
    return found


def unnamed_carrier(flows: Flows, personal: Personal) -> str:
    """A personal column that flows into a column without a known name, which therefore cannot be declared. Empty when
    there is none.
    """
    unnamed = (each.origins for each in flows.columns if not isinstance(each, Star) and not _is_named(each))
    return _origin(union(unnamed), personal)


def _is_named(column: Columns) -> bool:
    return isinstance(column, Named) and bool(column.name)


def _origin(origins: Origins, personal: Personal) -> str:
    for origin in sorted(origins):
        columns = personal.get(origin.key, frozenset())
        if columns and origin.column in {ANY, *columns}:
            return f"{origin.key}.{min(columns) if origin.column == ANY else origin.column}"
    return ""


def _fault(draft: AssetDraft, column: str, message: str, hint: str) -> Fault:
    """A fault at the column's own declaration, otherwise where the asset begins."""
    names = (name for name in draft.lines if name.lower() == f"columns.{column}")
    return draft.fault(message, hint, next(names, ""))
