"""What SELECTs read, kept in a folder of the user: a text that was read once needs no parser again.

What is kept is named by everything that it was made from, so it is never stale; a file that is damaged is as good
as none. Any number of processes may read and write at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.machine.cache_folder import KeptFolder
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, ExternalKey, Layer
from lakeflow.core.sql.column_origins import Again, ColumnOrigin, Columns, Flows, Named, Origins, Rest, Star
from lakeflow.core.sql.query import NO_OTHERS, Allowed, ParsedQuery, Reference

_MAKERS: Final = (
    *("sql/column_lineage.py", "sql/column_origins.py", "sql/query.py", "sql/reader.py", "sql/scopes.py"),
    *("sql/rowwise.py", "sql/totals.py", "sql/statements.py", "sql/tokens.py", "keys.py", "wording.py"),
)
"""The files of `core` that decide what is found in a text; they move between releases."""


class KnownQueries:
    """Reads as `lakeflow.core.sql.reader` does; without a folder, or where it cannot be used, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._kept = KeptFolder(folder and folder / "queries")

    def __call__(self, text: str, path: str, allowed: Allowed = NO_OTHERS) -> ParsedQuery:
        name = _name(text, path, allowed)
        if (known := self._read(name)) is not None:
            return known
        found = _read_anew(text, path, allowed)
        self._kept.write(name, json.dumps(_plain(found), separators=(",", ":")))
        return found

    def _read(self, name: str) -> ParsedQuery | None:
        if (text := self._kept.read(name)) is None:
            return None
        try:
            return _made(json.loads(text))
        except (ValueError, TypeError, LookupError):
            return None


def _read_anew(text: str, path: str, allowed: Allowed) -> ParsedQuery:
    from lakeflow.adapters.duckdb.code.syntax import parsed, syntax_fault  # noqa: PLC0415  DuckDB takes 0.1 s to import
    from lakeflow.core.sql.reader import read_query, with_tree  # noqa: PLC0415  the parser takes 0.2 s to import

    query = read_query(text, path, allowed)
    if query.faults:
        return query
    if (tree := parsed(text)) is None:
        unread = Fault(path, 1, "DuckDB does not read it as exactly one SELECT", "simplify it")
        return replace(query, faults=(syntax_fault(text, path) or unread,))
    return with_tree(query, tree, text, path)


def _name(text: str, path: str, allowed: Allowed) -> str:
    made_from: list[Any] = [_maker(), path, text, sorted(allowed.own), sorted(map(str, allowed.external))]
    made_from.append([[str(key), *columns] for key, columns in allowed.new])
    return f"{_digest(json.dumps(made_from))}.json"


@cache
def _maker() -> str:
    core = Path(__file__).parents[1] / "core"
    texts = [path.read_text("utf-8") for path in (Path(__file__), *(core / name for name in _MAKERS))]
    return _digest(json.dumps([version("sqlglot"), version("duckdb"), *texts]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(query: ParsedQuery) -> dict[str, Any]:
    return {
        "references": [[str(each.key), each.line] for each in query.references],
        "published": [[str(each.key), each.line] for each in query.published],
        "own": sorted(query.own),
        "external": sorted(map(str, query.external)),
        "outside": [_fault(each) for each in query.outside],
        "faults": [_fault(each) for each in query.faults],
        "flows": None if query.flows is None else _flows(query.flows),
    }


def _fault(fault: Fault) -> list[Any]:
    return [fault.path, fault.line, fault.message, fault.hint]


def _flows(flows: Flows) -> list[Any]:
    return [_column(each) for each in flows.columns]


def _column(column: Columns) -> list[Any]:
    match column:
        case Star(key, without):
            return ["star", str(key), sorted(without)]
        case Rest(origins):
            return ["rest", "", _origins(origins)]
    return ["named" if isinstance(column, Named) else "again", column.name, _origins(column.origins)]


def _origins(origins: Origins) -> list[list[str]]:
    return [[str(origin.key), origin.column] for origin in sorted(origins)]


def _made(plain: dict[str, Any]) -> ParsedQuery:
    return ParsedQuery(
        references=_references(plain["references"]),
        published=_references(plain["published"]),
        own=frozenset(plain["own"]),
        external=frozenset(map(ExternalKey.parse, plain["external"])),
        outside=tuple(Fault(*each) for each in plain["outside"]),
        faults=tuple(Fault(*each) for each in plain["faults"]),
        flows=None if plain["flows"] is None else _made_flows(plain["flows"]),
    )


def _key(text: str) -> AssetKey:
    """Also of a name that no asset may have: a SELECT can spell it."""
    layer, _, name = text.partition(".")
    return AssetKey(Layer(layer), name)


def _references(plain: Sequence[Sequence[Any]]) -> tuple[Reference, ...]:
    return tuple(Reference(_key(key), line) for key, line in plain)


def _made_flows(plain: Sequence[Sequence[Any]]) -> Flows:
    return Flows(tuple(_made_column(*each) for each in plain))


def _made_column(kind: str, name: str, said: Sequence[Any]) -> Columns:
    match kind:
        case "star":
            return Star(_key(name), frozenset(said))
        case "rest":
            return Rest(_made_origins(said))
    return (Named if kind == "named" else Again)(name, _made_origins(said))


def _made_origins(plain: Sequence[Sequence[str]]) -> Origins:
    return frozenset(ColumnOrigin(_key(key), column) for key, column in plain)
