"""What table metadata says of files that other engines wrote: names for columns without ids, values that a file may
leave out, and columns that cannot be read at all (Iceberg spec, "Column Projection" and "Default values").
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from lakeflow.adapters.iceberg.metadata.types import fields_in
from lakeflow.core.errors import LakeError, SchemaError
from lakeflow.core.model.foreign import FileOrigin, Mapped
from lakeflow.core.model.schema import READABLE, Field, Fixed, Primitive, Schema, Type, children, walk
from lakeflow.core.model.table import Table
from lakeflow.core.model.type_names import date_text, timestamp_text

NAME_MAPPING: Final = "schema.name-mapping.default"
_IDENTITY: Final = "identity"
_VOID: Final = "void"


def refuse_unreadable(table: Table[Any], schema: Schema) -> None:
    """SchemaError for a column of a type that the engine does not have, or whose values it would change."""
    for path, field in walk(schema.fields):
        if isinstance(field.type, Primitive) and field.type.name not in READABLE:
            raise SchemaError(
                f"{table.key}: column {'.'.join(path)!r} is {field.type}, which this release cannot read",
                hint="read a copy of the table without that column, or with it as text; its owner can make one",
                asset=table.key,
            )


def names_of(table: Table[Any]) -> tuple[Mapped, ...]:
    """The name mapping of a table. LakeError for a property that holds no mapping."""
    text = table.properties.get(NAME_MAPPING)
    try:
        return _mapped(json.loads(text)) if text else ()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LakeError(
            f"{table.key}: its property {NAME_MAPPING} cannot be read ({type(error).__name__})",
            hint="set it anew with the engine that set it",
            asset=table.key,
        ) from error


def defaults_of(table: Table[Any], metadata: Mapping[str, Any], schema: Schema) -> dict[int, str]:
    """The default values by field id, as the engine spells them. SchemaError for a value that it cannot spell."""
    if table.format_version < 3:  # all tables of ours have v2, and their many schemas need not be searched
        return {}
    known = {field["id"]: default for each in metadata.get("schemas") or () for field, default in _defaults(each)}
    read = {field.id for _, field in walk(schema.fields)}
    fields = [field_of(table, id_) for id_ in known]
    return {field.id: _default(table, field, known[field.id]) for field in fields if _is_wanted(field, read)}


def origin_of(table: Table[Any], spec: Mapping[str, Any], partition: tuple[Any, ...], sequence: int) -> FileOrigin:
    """The origin of a file in a partition of this spec."""
    parts = spec["fields"]
    constants = {
        int(part["source-id"]): None if value is None else _constant(table, int(part["source-id"]), value)
        for part, value in zip(parts, partition, strict=True)
        if part["transform"] == _IDENTITY
    }
    partitioned = any(part["transform"] != _VOID for part in parts)
    return FileOrigin(sequence, f"{spec['spec-id']}{partition!r}" if partitioned else "", constants)


def _mapped(entries: Any) -> tuple[Mapped, ...]:
    return tuple(
        Mapped(frozenset(entry.get("names") or ()), entry.get("field-id"), _mapped(entry.get("fields") or ()))
        for entry in entries
    )


def _defaults(schema: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Any]]:
    return ((field, value) for field in fields_in(schema) if (value := field.get("initial-default")) is not None)


def _is_wanted(field: Field, read: Collection[int]) -> bool:
    """Is the field needed? A dropped column may be: delete files may still name its values."""
    return field.id in read or not children(field.type)


def _default(table: Table[Any], field: Field, value: Any) -> str:
    if children(field.type):
        raise SchemaError(
            f"{table.key}: column {field.name!r} is {field.type} with a default value, which this release cannot read",
            hint="rewrite the table's files with the engine that added the column",
            asset=table.key,
        )
    return _bytes_text(bytes.fromhex(value)) if _is_bytes(field.type) else _text(value)


def _constant(table: Table[Any], source: int, value: Any) -> str:
    field = field_of(table, source)
    try:
        return _SPELLED.get(str(field.type), _text)(value) if not _is_bytes(field.type) else _bytes_text(value)
    except OverflowError as error:
        raise SchemaError(f"{table.key}: a partition's value of {field.name!r} is a date out of range") from error


def field_of(table: Table[Any], id_: int) -> Field:
    """The field of that id as the table has it now, or as it had it last; LakeError where it never had one."""
    schemas = [table.schema, *(table.schemas[each] for each in sorted(table.schemas, reverse=True))]
    found = next((field for schema in schemas for _, field in walk(schema.fields) if field.id == id_), None)
    if found is None:
        raise LakeError(f"{table.key}: its metadata speaks of field {id_}, which no schema has", asset=table.key)
    return found


def _is_bytes(type_: Type) -> bool:
    return isinstance(type_, Fixed) or str(type_) == "binary"


def _bytes_text(value: bytes) -> str:
    return "".join(f"\\x{byte:02X}" for byte in value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_SPELLED: Final[Mapping[str, Callable[[Any], str]]] = {
    "date": date_text,
    "timestamp": timestamp_text,
    "timestamptz": lambda micros: f"{timestamp_text(micros)}+00",
    "time": lambda micros: timestamp_text(micros).partition(" ")[2],
}
"""How partition values are written whose text is not simply `str` of them."""
