"""Columns of one name as one column, although two engines made them: they are told by the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from lakeflow.core.column_names import alike
from lakeflow.core.model.schema import Field, List, Map, Schema, Struct, Type, children


def numbered(schema: Schema, like: Schema | None = None) -> Schema:
    """The columns with ids. A field has that of the field of its name in `like`, if there is one, else one of its own.

    Entries of lists and maps count as fields of one name.
    """
    ids = count(1 if like is None else 1 + max(map(_highest, like.fields), default=0))
    return Schema(tuple(_fields(schema.fields, like.fields if like else (), ids)))


def _highest(field: Field) -> int:
    return max((field.id, *map(_highest, children(field.type))))


def _fields(fields: tuple[Field, ...], known: tuple[Field, ...], ids: Iterator[int]) -> Iterator[Field]:
    named = {alike(each.name): each for each in known}
    for each in fields:
        same = named.get(alike(each.name))
        own = same.id if same else next(ids)
        yield replace(each, id=own, type=_type(each.type, children(same.type) if same else (), ids))


def _type(type_: Type, known: tuple[Field, ...], ids: Iterator[int]) -> Type:
    match type_:
        case Struct(fields):
            return Struct(tuple(_fields(fields, known, ids)))
        case List(element):
            return List(*_fields((element,), known, ids))
        case Map(key, value):
            return Map(*_fields((key, value), known, ids))
    return type_
