"""Code versions: code with the same meaning has the same version, in whatever layout and under whichever Python.

A *source* is the JSON text of everything that counts: the code's text, and the declared fields that can change data.
`fingerprint` turns it into a version. The ledger keeps each source with its `ALGORITHM`, so that a later algorithm can
compute old versions anew instead of rebuilding the lake. Comments, white space and docstrings are in the source, but do
not count; descriptions, owners, tags and checks are not in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from lakeflow.core.declare.declaration import Declaration
from lakeflow.core.model.asset import Column, Computer
from lakeflow.core.model.check import CheckFile, CheckKind, ForeignKey
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.spark.tokens import spark_normalised
from lakeflow.core.sql.tokens import normalised
from lakeflow.core.version.reachable_code import asset_names, kept_decorators

ALGORITHM: Final = "1"
"""Changes whenever `fingerprint` gives another version for an existing source."""

_UNCOUNTED: Final = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def data_fields(declaration: Declaration, write: WriteMode) -> dict[str, Any]:
    """The declared fields that can change data. Of a column: its type, its mask, and whether it is personal."""
    fields = {
        "inputs": dict(declaration.inputs),
        "external": [str(key) for key in declaration.external],
        "key": list(declaration.key),
        "write": write.value,
        "keep": declaration.keep,
        "deleted": declaration.deleted,
        "at": declaration.at,
        "track": list(declaration.track),
        "deletes": declaration.deletes.value if declaration.deletes else "",
        "partition_by": [str(each) for each in declaration.partition_by],
        "sort_by": [str(each) for each in declaration.sort_by],
        "columns": {name: said for name, column in declaration.columns.items() if (said := _column(column))},
        "reads": list(declaration.reads),
        "new_rows": sorted(declaration.new_rows),
        "new_keys": {name: list(by) for name, by in sorted(declaration.new_keys.items())},
        "partition": "{}({})".format(*declaration.partition) if declaration.partition else "",
        "engine": declaration.engine.value if declaration.engine is Computer.SPARK else "",
        "source": declaration.source.data_fields() if declaration.source else None,
    }
    return {name: value for name, value in fields.items() if value}


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {} if column.type is None else {"type": str(parse_type(column.type))}
    if column.pii:
        said["pii"] = True
    return said | ({"mask": column.mask.value} if column.mask else {})


def python_source(
    fields: Mapping[str, Any], code: Sequence[str], modules: Mapping[str, str], bound: Mapping[str, str]
) -> str:
    """The source of a function: the code that it reaches, imported project modules by name, and the values in its
    closure.
    """
    return _json({"kind": "python", "fields": fields, "code": list(code), "modules": modules, "bound": bound})


def sql_source(fields: Mapping[str, Any], text: str) -> str:
    return _json({"kind": "sql", "fields": fields, "text": text})


def suite_source(
    files: Iterable[CheckFile],
    modules: Mapping[str, str],
    allow_empty: str = "",
    foreign_keys: Iterable[ForeignKey] = (),
) -> str:
    """The source of all check files of an asset and of its foreign keys. `allow_empty` is declared by the asset."""
    entries = [
        {
            "kind": file.kind.value,
            "name": file.name,
            "severity": file.severity.value,
            "allow_empty": file.allow_empty,
            "text": file.text,
        }
        for file in files
    ]
    source = {"kind": "suite", "files": entries, "modules": modules, "allow_empty": allow_empty}
    referred = [[key.column, str(key.dimension), key.key, *([key.at] if key.at else [])] for key in foreign_keys]
    return _json(source | ({"foreign_keys": referred} if referred else {}))


def salted(source: str, salt: str) -> str:
    """The source of code whose hashes are keyed with the salt of that fingerprint; without a fingerprint, the source
    itself.
    """
    document = {name: value for name, value in json.loads(source).items() if name != "salt"}
    return _json(document | ({"salt": salt} if salt else {}))


def key_in(source: str) -> tuple[str, ...]:
    """The primary key that a source declares."""
    return tuple(json.loads(source).get("fields", {}).get("key", ()))


def rekeyed(source: str, key: Sequence[str]) -> str:
    """The source with that primary key instead of its own."""
    document = json.loads(source)
    fields = {name: value for name, value in document.get("fields", {}).items() if name != "key"}
    return _json(document | {"fields": fields | ({"key": list(key)} if key else {})})


def fingerprint(source: str) -> str:
    """The version of a source: 64 hexadecimal digits."""
    return hashlib.sha256(_canonical(json.loads(source)).encode()).hexdigest()


def _canonical(document: Mapping[str, Any]) -> str:
    """The document with each code text in its canonical form."""
    counted = dict(document)
    if "code" in counted:
        counted["code"] = [_python(text) for text in counted["code"]]
    if "text" in counted:
        plain = spark_normalised if counted.get("fields", {}).get("engine") == "spark" else normalised
        counted["text"] = plain(counted["text"])
    if "files" in counted:
        counted["files"] = [_file(entry) for entry in counted["files"]]
    if "modules" in counted:
        counted["modules"] = {name: _python(text) for name, text in counted["modules"].items()}
    return _json(counted)


def _file(entry: Mapping[str, Any]) -> dict[str, Any]:
    canonical = _python if entry["kind"] == CheckKind.SUITE.value else normalised
    return {**entry, "text": canonical(entry["text"])}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _python(text: str) -> str:
    tree = ast.parse(text)
    return "".join(_serialised(tree, asset_names(tree)))


def _serialised(value: object, assets: set[str]) -> Iterator[str]:
    """A dump of a syntax tree that leaves empty fields out, since later Pythons add empty fields."""
    if isinstance(value, ast.AST):
        yield type(value).__name__ + "("
        for name, held in _fields(value, assets):
            yield name + "="
            yield from _serialised(held, assets)
            yield ";"
        yield ")"
    elif isinstance(value, list):
        yield "["
        for each in value:
            yield from _serialised(each, assets)
            yield ","
        yield "]"
    else:
        # ascii(): which characters repr() escapes depends on the Unicode version of the interpreter.
        yield f"{type(value).__name__}:{value!a}"


def _fields(node: ast.AST, assets: set[str]) -> Iterator[tuple[str, object]]:
    for name, held in ast.iter_fields(node):
        value = held
        if name == "body" and isinstance(held, list):
            value = _without_docstring(node, held)
        elif name == "decorator_list" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            value = kept_decorators(node, assets)
        elif isinstance(node, ast.JoinedStr):
            # Python 3.12.0 puts empty texts between the parts of an f-string, other releases do not.
            value = [each for each in node.values if not (isinstance(each, ast.Constant) and each.value == "")]
        if name not in _UNCOUNTED and value is not None and value != []:
            yield name, value


def _without_docstring(node: ast.AST, body: list[ast.stmt]) -> list[ast.stmt]:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not body:
        return body
    match body[0]:
        case ast.Expr(value=ast.Constant(value=str())):
            return body[1:]
    return body
