"""Avro's object container files as plain values, and back (Avro specification, "Object Container Files").

Code that follows or rewrites the paths in manifests must keep every field of every format version, also those it does
not know. So the schema in the file decides everything here, and it is written back word for word.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from lakeflow.core.values import dataclass

_MAGIC: Final = b"Obj\x01"
_SYNC: Final = 16
_SCHEMA: Final = "avro.schema"
_CODEC: Final = "avro.codec"


@dataclass(frozen=True)
class Container:
    """`header` is the file's own metadata, its schema included; `records` are what the blocks hold."""

    header: Mapping[str, bytes]
    sync: bytes
    records: tuple[dict[str, Any], ...]


class _Cursor:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.content)

    def take(self, length: int) -> bytes:
        end = self.at + length
        if length < 0 or end > len(self.content):
            raise ValueError("the file ends early")
        taken, self.at = self.content[self.at : end], end
        return taken

    def long(self) -> int:
        """Zigzag, seven bits a byte, the lowest first."""
        shift = number = 0
        while True:
            byte = self.content[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7


@dataclass(frozen=True)
class _Codec:
    """How values of one type are read and written."""

    read: Callable[[_Cursor], Any]
    write: Callable[[bytearray, Any], None]


def unpack(content: bytes) -> Container:
    """ValueError, IndexError, KeyError or zlib.error for a damaged file, ValueError for what Iceberg never writes."""
    cursor = _Cursor(content)
    if cursor.take(len(_MAGIC)) != _MAGIC:
        raise ValueError("not an Avro file")
    header = _MAP.read(cursor)
    sync = cursor.take(_SYNC)
    kind, codec = _kind_of(header), header.get(_CODEC, b"null")
    records: list[dict[str, Any]] = []
    while not cursor.ended:
        count, length = cursor.long(), cursor.long()
        block = _Cursor(_inflated(cursor.take(length), codec))
        records.extend(kind.read(block) for _ in range(count))
        if cursor.take(_SYNC) != sync:
            raise ValueError("a block does not end where it should")
    return Container(header, sync, tuple(records))


def pack(container: Container) -> bytes:
    """The file with these records, in one block."""
    kind, block = _kind_of(container.header), bytearray()
    for record in container.records:
        kind.write(block, record)
    blocks = [(len(container.records), bytes(block))] if container.records else []
    return pack_blocks(container.header, container.sync, blocks)


def pack_blocks(header: Mapping[str, bytes], sync: bytes, blocks: Iterable[tuple[int, bytes]]) -> bytes:
    """The file with these blocks: how many records each holds, and these as they are written, one after the other."""
    out = bytearray(_MAGIC)
    _MAP.write(out, header)
    out += sync
    for count, block in blocks:
        packed = _deflated(block, header.get(_CODEC, b"null"))
        for number in (count, len(packed)):
            write_long(out, number)
        out += packed + sync
    return bytes(out)


def _kind_of(header: Mapping[str, bytes]) -> _Codec:
    return _compiled(json.loads(header[_SCHEMA]), {})


def _inflated(block: bytes, codec: bytes) -> bytes:
    if codec not in {b"null", b"deflate"}:
        raise ValueError(f"compressed with {codec.decode(errors='replace')}")
    return zlib.decompress(block, -zlib.MAX_WBITS) if codec == b"deflate" else block


def _deflated(block: bytes, codec: bytes) -> bytes:
    if codec == b"null":
        return block
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(block) + packer.flush()


def write_long(out: bytearray, value: int) -> None:
    number = (value << 1) ^ (value >> 63)
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _write_bytes(out: bytearray, value: bytes) -> None:
    write_long(out, len(value))
    out += value


def _fixed(length: int) -> _Codec:
    return _Codec(lambda cursor: cursor.take(length), lambda out, value: out.extend(value))


_LONG: Final = _Codec(_Cursor.long, write_long)
_BYTES: Final = _Codec(lambda cursor: cursor.take(cursor.long()), _write_bytes)
_STRING: Final = _Codec(
    lambda cursor: cursor.take(cursor.long()).decode(), lambda out, value: _write_bytes(out, value.encode())
)
_PRIMITIVES: Final[Mapping[str, _Codec]] = {
    "null": _Codec(lambda _cursor: None, lambda _out, _value: None),
    "boolean": _Codec(lambda cursor: cursor.take(1) != b"\x00", lambda out, value: out.append(value)),
    "int": _LONG,
    "long": _LONG,
    "float": _fixed(4),  # they are never computed with
    "double": _fixed(8),
    "bytes": _BYTES,
    "string": _STRING,
}


def _compiled(schema: Any, named: dict[str, _Codec]) -> _Codec:
    """`named` collects the types that later parts of the schema may call by name."""
    if isinstance(schema, list):
        return _optional(schema, named)
    name = schema if isinstance(schema, str) else schema["type"]
    if not isinstance(name, str):
        return _compiled(name, named)
    if made := _PRIMITIVES.get(name) or named.get(name):
        return made
    kind = _COMPLEX[name](schema, named)
    if "name" in schema:
        named[schema["name"]] = kind
    return kind


def _optional(branches: list[Any], named: dict[str, _Codec]) -> _Codec:
    if len(branches) != 2 or "null" not in branches:
        raise ValueError("a union of several types")
    null = branches.index("null")
    kind = _compiled(branches[1 - null], named)

    def read(cursor: _Cursor) -> Any:
        return None if cursor.long() == null else kind.read(cursor)

    def write(out: bytearray, value: Any) -> None:
        write_long(out, null if value is None else 1 - null)
        if value is not None:
            kind.write(out, value)

    return _Codec(read, write)


def _record(schema: Mapping[str, Any], named: dict[str, _Codec]) -> _Codec:
    fields = [(part["name"], _compiled(part["type"], named)) for part in schema["fields"]]

    def read(cursor: _Cursor) -> dict[str, Any]:
        return {name: kind.read(cursor) for name, kind in fields}

    def write(out: bytearray, value: Mapping[str, Any]) -> None:
        for name, kind in fields:
            kind.write(out, value[name])

    return _Codec(read, write)


def _array(schema: Mapping[str, Any], named: dict[str, _Codec]) -> _Codec:
    item = _compiled(schema["items"], named)
    return _Codec(lambda cursor: list(_items(cursor, item)), lambda out, value: _write_items(out, value, item))


def _map(schema: Mapping[str, Any], named: dict[str, _Codec]) -> _Codec:
    entry = _record({"fields": [{"name": "k", "type": "string"}, {"name": "v", "type": schema["values"]}]}, named)

    def write(out: bytearray, value: Mapping[str, Any]) -> None:
        _write_items(out, [{"k": name, "v": one} for name, one in value.items()], entry)

    return _Codec(lambda cursor: {one["k"]: one["v"] for one in _items(cursor, entry)}, write)


def _items(cursor: _Cursor, item: _Codec) -> Iterable[Any]:
    while count := cursor.long():
        if count < 0:
            cursor.long()  # the block's length in bytes, for those who skip it
        for _ in range(abs(count)):
            yield item.read(cursor)


def _write_items(out: bytearray, values: list[Any], item: _Codec) -> None:
    if values:
        write_long(out, len(values))
        for value in values:
            item.write(out, value)
    write_long(out, 0)


_COMPLEX: Final[Mapping[str, Callable[[Any, dict[str, _Codec]], _Codec]]] = {
    "record": _record,
    "array": _array,
    "map": _map,
    "fixed": lambda schema, _named: _fixed(schema["size"]),
    "enum": lambda _schema, _named: _LONG,
}
_MAP: Final = _compiled({"type": "map", "values": "bytes"}, {})
