"""Core schemas to and from the JSON of table metadata (Iceberg spec, appendix C)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Map, Primitive, Schema, Struct, Type, walk

Json = dict[str, Any]

_DECIMAL: Final = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_FIXED: Final = re.compile(r"fixed\[\s*(\d+)\s*\]")


def schema_from_json(json: Mapping[str, Any]) -> Schema:
    return Schema(tuple(_field(field) for field in json["fields"]), int(json.get("schema-id", 0)))


def schema_to_json(schema: Schema, docs: Mapping[int, str] = EMPTY) -> Json:
    """As metadata spells it; `docs` are the comments that columns, by id, had before."""
    return {"type": "struct", "schema-id": schema.id, "fields": [_field_json(field, docs) for field in schema.fields]}


def docs_of(json: Mapping[str, Any]) -> dict[int, str]:
    """The comments of all fields of a schema, by field id."""
    return {field["id"]: field["doc"] for field in fields_in(json) if field.get("doc")}


def with_ids(schema: Schema) -> Schema:
    """The first schema of a table: its own ids where all are assigned, else new ones from 1.

    New ids go to the columns first, then to what is nested in them, as Iceberg's libraries count.
    """
    if all(field.id for _, field in walk(schema.fields)):
        return replace(schema, id=0)
    return replace(schema, fields=_numbered(schema.fields, count(1)), id=0)


def _numbered(fields: tuple[Field, ...], ids: Iterator[int]) -> tuple[Field, ...]:
    named = [replace(field, id=next(ids)) for field in fields]
    return tuple(replace(field, type=_numbered_type(field.type, ids)) for field in named)


def _numbered_type(type_: Type, ids: Iterator[int]) -> Type:
    match type_:
        case Struct(fields):
            return Struct(_numbered(fields, ids))
        case List(element):
            return List(*_numbered((element,), ids))
        case Map(key, value):
            return Map(*_numbered((key, value), ids))
    return type_


def _field(json: Mapping[str, Any]) -> Field:
    return Field(json["name"], _type(json["type"]), int(json["id"]), bool(json["required"]))


def _type(json: str | Mapping[str, Any]) -> Type:
    if isinstance(json, str):
        return _leaf(json)
    if json["type"] == "struct":
        return Struct(tuple(_field(field) for field in json["fields"]))
    if json["type"] == "list":
        return List(_side(json, "element", required=json["element-required"]))
    return Map(_side(json, "key", required=True), _side(json, "value", required=json["value-required"]))


def _side(json: Mapping[str, Any], name: str, *, required: bool) -> Field:
    return Field(name, _type(json[name]), int(json[f"{name}-id"]), required)


def _leaf(text: str) -> Type:
    if match := _DECIMAL.fullmatch(text):
        return Decimal(int(match[1]), int(match[2]))
    if match := _FIXED.fullmatch(text):
        return Fixed(int(match[1]))
    return Primitive(text)


def _field_json(field: Field, docs: Mapping[int, str]) -> Json:
    json: Json = {
        "id": field.id,
        "name": field.name,
        "required": field.required,
        "type": _type_json(field.type, docs),
    }
    return json | ({"doc": docs[field.id]} if field.id in docs else {})


def _type_json(type_: Type, docs: Mapping[int, str]) -> str | Json:
    match type_:
        case Struct(fields):
            return {"type": "struct", "fields": [_field_json(field, docs) for field in fields]}
        case List(element):
            return {"type": "list"} | _side_json(element, docs)
        case Map(key, value):
            return {"type": "map"} | _side_json(key, docs) | _side_json(value, docs)
        case Decimal(precision, scale):
            return f"decimal({precision}, {scale})"
    return str(type_)


def _side_json(field: Field, docs: Mapping[int, str]) -> Json:
    json: Json = {f"{field.name}-id": field.id, field.name: _type_json(field.type, docs)}
    return json if field.name == "key" else json | {f"{field.name}-required": field.required}


def fields_in(json: Any) -> Iterator[Mapping[str, Any]]:
    """Every named field below a schema or a type."""
    if isinstance(json, str):
        return
    for field in json.get("fields", ()):
        yield field
        yield from fields_in(field["type"])
    for side in ("element", "key", "value"):
        yield from fields_in(json.get(side, ""))
