"""How values are spelled in CSV and JSON by those who lose nothing."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa


def as_text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case date() | datetime() | time():
            return value.isoformat()
        case bytes():
            return "".join(f"\\x{byte:02X}" for byte in value)
    return str(value)


def as_csv(values: list[Any], number: int) -> str:
    """A line that begins with a number, so that one with nothing but NULL is no blank line."""
    fields = ("" if each is None else f'"{as_text(each).replace(chr(34), chr(34) * 2)}"' for each in values)
    return ",".join([str(number), *fields]) + "\n"


def as_json(value: Any) -> str:
    """A decimal is a number there with all its digits, and what JSON has no word for a string."""
    match value:
        case None | bool() | int():
            return json.dumps(value)
        case Decimal():
            return as_text(value)
        case float() if math.isfinite(value):
            return repr(value)
        case dict():
            return f"{{{', '.join(f'{json.dumps(name)}: {as_json(each)}' for name, each in value.items())}}}"
        case list():
            return f"[{', '.join(map(as_json, value))}]"
    return json.dumps(as_text(value), ensure_ascii=isinstance(value, UUID))


def as_literal(value: Any, kind: pa.DataType) -> str:
    """Lists, structs and maps as DuckDB spells them, every text in quotes."""
    match kind:
        case _ if value is None:
            return "NULL"
        case pa.ListType():
            return f"[{', '.join(as_literal(each, kind.value_type) for each in value)}]"
        case pa.StructType():
            return (
                f"{{{', '.join(f'{_quoted(each.name)}: {as_literal(value[each.name], each.type)}' for each in kind)}}}"
            )
        case pa.MapType():
            return f"{{{', '.join(f'{_quoted(key)}={as_literal(each, kind.item_type)}' for key, each in value)}}}"
    return _quoted(as_text(value))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
