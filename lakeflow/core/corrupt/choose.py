"""Which corruptions a table can have: by its columns, their types and what they are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Final

from lakeflow.core.corrupt.corruption import Corruption, CorruptionKind
from lakeflow.core.errors import UsageError
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.layout import Transform
from lakeflow.core.model.scd2_columns import ADDED
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.suggest.profile import ColumnKind, kind_of
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

_LANDED: Final = frozenset({"_source_file", "_source_row", "_loaded_at"})
_DEGREES: Final = re.compile(r"(^|_)(temp|temperature|celsius|fahrenheit|degrees|dewp|dew_point)(_|$)", re.IGNORECASE)
_DAY: Final = "day"
_OF_VALUES: Final[Mapping[ColumnKind, tuple[CorruptionKind, ...]]] = {
    **dict.fromkeys(
        (ColumnKind.WHOLE, ColumnKind.FRACTION, ColumnKind.EXACT),
        (CorruptionKind.TIMES_1000, CorruptionKind.DIVIDED_BY_100, CorruptionKind.WRONG_SIGN),
    ),
    ColumnKind.DATE: (CorruptionKind.SHIFTED_DATES,),
    ColumnKind.MOMENT: (CorruptionKind.SHIFTED_DATES, CorruptionKind.MILLIS),
    ColumnKind.TEXT: (CorruptionKind.TRUNCATED, CorruptionKind.OTHER_CASE),
}


@dataclass(frozen=True)
class Wish:
    """Which corruptions are asked for; without kinds, or columns, all of them."""

    kinds: Collection[CorruptionKind] = ()
    columns: Collection[str] = ()

    def takes(self, corruption: Corruption) -> bool:
        kinds = not self.kinds or corruption.kind in self.kinds
        named = {name.lower() for name in self.columns}
        return kinds and (not named or bool(named & {name.lower() for name in corruption.columns}))


ALL: Final = Wish()


def corruptions(asset: Asset, schema: Schema, identifying: Collection[str], wish: Wish) -> tuple[Corruption, ...]:
    """The corruptions that are asked for, in the order of the columns, then those of the whole table. A column that
    identifies something (in lower case) is no quantity, so it has no unit and no sign.

    UsageError for a column that the table does not have.
    """
    for name in wish.columns:
        if schema.find(name) is None:
            hint = did_you_mean(name, schema.names, f"its columns are {', '.join(schema.names)}")
            raise UsageError(f"{asset.key} has no column {name!r}", hint=hint, asset=asset.key)
    skipped = {*(ADDED if asset.write.traits.versioned else ()), *(_LANDED if asset.files else ())}
    fields = [field for field in schema.fields if field.name not in skipped]
    every = (*_of_columns(fields, identifying), *_swapped(fields), *_of_table(asset, fields))
    return tuple(each for each in every if wish.takes(each))


def _of_columns(fields: list[Field], identifying: Collection[str]) -> Iterator[Corruption]:
    for field in fields:
        kind = kind_of(field.type)
        yield Corruption(CorruptionKind.NULLS, (field.name,))
        if not (kind.is_number and field.name.lower() in identifying):
            yield from (Corruption(each, (field.name,)) for each in _OF_VALUES.get(kind, ()))
        if kind.is_number and _DEGREES.search(field.name):
            yield Corruption(CorruptionKind.DEGREES, (field.name,))


def _swapped(fields: list[Field]) -> Iterator[Corruption]:
    """Columns of one type that follow each other: what stands side by side in a file is what is swapped."""
    by_type: dict[str, list[str]] = {}
    for field in fields:
        if kind_of(field.type) is not ColumnKind.OTHER:
            by_type.setdefault(str(field.type), []).append(field.name)
    for names in by_type.values():
        yield from (Corruption(CorruptionKind.SWAPPED, pair) for pair in pairwise(names))


def _of_table(asset: Asset, fields: list[Field]) -> Iterator[Corruption]:
    yield Corruption(CorruptionKind.DUPLICATED)
    yield Corruption(CorruptionKind.DOUBLED)
    yield from _dropped(asset, fields)
    yield Corruption(CorruptionKind.STALE)
    yield Corruption(CorruptionKind.EMPTIED)


def _dropped(asset: Asset, fields: list[Field]) -> Iterator[Corruption]:
    """A partition is what is lost where there are some; else a day of the first column that has days."""
    known = {field.name.lower(): field for field in fields}
    found: dict[str, str] = {}
    if asset.timeline is not None:
        found[asset.timeline.column] = str(asset.timeline.unit)
    for each in asset.layout.partition_by:
        if each.transform.is_of_time or each.transform is Transform.IDENTITY:
            found.setdefault(each.column, str(each.transform) if each.transform.is_of_time else "")
    times = [field.name for field in fields if kind_of(field.type).is_time]
    keyed = [name for name in times if name in asset.primary_key]
    if not found and times:
        found[(keyed or times)[0]] = _DAY
    for name, unit in found.items():
        if (field := known.get(name.lower())) is not None:
            time = kind_of(field.type).is_time
            yield Corruption(CorruptionKind.DROPPED, (field.name,), (unit or _DAY) if time else "")
