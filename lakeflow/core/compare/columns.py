"""The columns of two schemas of one table: which are the same, and in which type their values are compared.

A column is the same where the field id is (Iceberg spec, "Schema Evolution"), otherwise where the name is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from lakeflow.core.model.schema import Decimal, Field, List, Map, Schema, Struct, Type
from lakeflow.core.values import dataclass

_WIDER: Final = frozenset({("int", "long"), ("float", "double"), ("date", "timestamp")})


@dataclass(frozen=True)
class Pair:
    """One column on both sides, called by the name that it has after.

    `before` and `after` are how it is read: in one type, unless the values are compared `as_text`.
    """

    before: Field
    after: Field
    as_text: bool = False

    @property
    def name(self) -> str:
        return self.after.name

    @property
    def is_one(self) -> bool:
        """Is it one field to Iceberg? Then a file holds the same value of it for both sides."""
        return self.before.id == self.after.id and not self.as_text


@dataclass(frozen=True)
class TypedColumn:
    """A column as one side has it; `type` is spelled as in Iceberg."""

    name: str
    type: str


@dataclass(frozen=True)
class ChangedColumn:
    """A column that has another name or another type after."""

    before: TypedColumn
    after: TypedColumn


@dataclass(frozen=True)
class SchemaChange:
    """The columns that one side alone has, and those that have another name or type after."""

    added: tuple[TypedColumn, ...] = ()
    removed: tuple[TypedColumn, ...] = ()
    changed: tuple[ChangedColumn, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def schema_change(before: Schema, after: Schema) -> SchemaChange:
    """What became of the columns."""
    same = list(_matched(before, after))
    gone, came = {old.id for old, _ in same}, {new.id for _, new in same}
    told = [ChangedColumn(_typed(old), _typed(new)) for old, new in same]
    return SchemaChange(
        added=tuple(_typed(field) for field in after.fields if field.id not in came),
        removed=tuple(_typed(field) for field in before.fields if field.id not in gone),
        changed=tuple(each for each in told if each.before != each.after),
    )


def pairs(before: Schema, after: Schema) -> tuple[Pair, ...]:
    """The columns that both sides have, in their order after."""
    return tuple(_pair(old, new) for old, new in _matched(before, after))


def _typed(field: Field) -> TypedColumn:
    return TypedColumn(field.name, str(field.type))


def _matched(before: Schema, after: Schema) -> Iterator[tuple[Field, Field]]:
    by_id = {field.id: field for field in before.fields}
    kept = by_id.keys() & {field.id for field in after.fields}
    by_name = {field.name.lower(): field for field in before.fields if field.id not in kept}
    for field in after.fields:
        if found := by_id.get(field.id) or by_name.get(field.name.lower()):
            yield found, field


def _pair(before: Field, after: Field) -> Pair:
    if before.id != after.id:
        # Two columns in one place: each is read as it is. Types that are spelled alike hold values of one kind.
        return Pair(before, after, as_text=str(before.type) != str(after.type))
    common = _common(before.type, after.type)
    if common is None:
        return Pair(before, after, as_text=True)
    return Pair(replace(before, type=common), replace(after, type=common))


def _common(before: Type, after: Type) -> Type | None:
    """The type that holds every value of both unchanged, with what both have of a struct. None: there is none."""
    match before, after:
        case Struct(), Struct():
            return _common_struct(before.fields, after.fields)
        case List(one), List(other):
            inner = _common_field(one, other)
            return List(inner) if inner else None
        case Map(), Map():
            key, value = _common_field(before.key, after.key), _common_field(before.value, after.value)
            return Map(key, value) if key and value else None
    return _common_leaf(before, after)


def _common_leaf(before: Type, after: Type) -> Type | None:
    if isinstance(before, Decimal) and isinstance(after, Decimal) and before.scale == after.scale:
        return max(before, after, key=lambda each: each.precision)
    if (str(after), str(before)) in _WIDER:
        return before
    return after if before == after or (str(before), str(after)) in _WIDER else None


def _common_field(before: Field, after: Field) -> Field | None:
    """The field after in the type that both have in common; None where it is another field."""
    common = _common(before.type, after.type) if before.id == after.id else None
    return replace(after, type=common) if common else None


def _common_struct(before: tuple[Field, ...], after: tuple[Field, ...]) -> Struct | None:
    known: Mapping[int, Field] = {field.id: field for field in before}
    fields = [_common_field(known[field.id], field) for field in after if field.id in known]
    whole = tuple(field for field in fields if field is not None)
    return Struct(whole) if whole and len(whole) == len(fields) else None
