"""What the tests of the engine share: assets around a function or a text, and scans of what an engine wrote."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Column, PythonCode, SqlCode
from lakeflow.core.model.schema import Field, List, Map, Schema, Struct, Type
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.schema_evolution import settle
from lakeflow.core.run.write import Write

RAW = AssetKey.parse("bronze.raw")
OUT = AssetKey.parse("silver.out")


def sql_asset(text: str, *, columns: Mapping[str, Column] | None = None) -> Asset:
    code = SqlCode(text, "layers/silver/out.sql", 1)
    return Asset(OUT, code, WriteMode.REPLACE, {str(RAW): RAW}, columns=columns or {})


def python_asset(function: Callable[..., Any], *, columns: Mapping[str, Column] | None = None) -> Asset:
    code = PythonCode(function, "layers/silver/out.py", function.__code__.co_firstlineno)
    inputs = dict.fromkeys(inspect.signature(function).parameters, RAW)
    return Asset(OUT, code, WriteMode.REPLACE, inputs, columns=columns or {})


def numbered(schema: Schema) -> Schema:
    """The schema with field ids in the order of reading."""
    ids = count(1)
    return Schema(tuple(_numbered(field, ids) for field in schema.fields))


def _numbered(field: Field, ids: Iterator[int]) -> Field:
    return replace(field, id=next(ids), type=_numbered_type(field.type, ids))


def _numbered_type(type_: Type, ids: Iterator[int]) -> Type:
    match type_:
        case Struct(fields):
            return Struct(tuple(_numbered(field, ids) for field in fields))
        case List(element):
            return List(_numbered(element, ids))
        case Map(key, value):
            return Map(_numbered(key, ids), _numbered(value, ids))
    return type_


def write(engine: DuckEngine, asset: Asset, directory: Path | str, raw: Scan | None = None) -> Scan:
    """Run the asset, write what it gave with fresh ids, and pin that."""
    with engine.produce(asset, {} if raw is None else {RAW: raw}) as produced:
        schema = numbered(settle(produced.schema, asset.columns, None, parse_type))
        return scan_of(produced.write(whole(schema, directory)).files, schema)


def rows_of(text: str, engine: DuckEngine, directory: Path | str) -> Scan:
    """The rows of a SELECT without inputs, written; as bronze it may read files."""
    return write(engine, in_bronze(replace(sql_asset(text), inputs={})), directory)


def in_bronze(asset: Asset) -> Asset:
    return replace(asset, key=AssetKey.parse("bronze.out"))


def whole(schema: Schema, directory: Path | str) -> Write:
    """A write of all rows that looks at no others."""
    return Write(WriteMode.REPLACE, schema, str(directory))


def scan_of(files: tuple[WrittenFile, ...], schema: Schema, **more: Any) -> Scan:
    return Scan(RAW, 1, schema, tuple(file.path for file in files), sum(file.rows for file in files), **more)


def values(engine: DuckEngine, scan: Scan) -> list[dict[str, Any]]:
    return list(engine.relation(scan).to_arrow_table().to_pylist())
