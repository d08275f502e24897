"""A cache of what SELECTs read, in a folder of the user: a text that was read once needs no parser again.

The name of an entry is made from everything that it was made from, so an entry is never stale. A damaged file counts as
none. Any number of processes may read and write at once.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from lakeflow.adapters.machine.cache_folder import CacheFolder
from lakeflow.core.errors import Fault
from lakeflow.core.model.asset import Computer
from lakeflow.core.ports.digests import digest_of
from lakeflow.core.sql.query import NO_OTHERS, Allowed, ParsedQuery
from lakeflow.core.values import dataclass

_MAKERS: Final = (
    *("sql/column_lineage.py", "sql/column_origins.py", "sql/query.py", "sql/reader.py", "sql/scopes.py"),
    *("sql/partners.py", "sql/rowwise.py", "sql/totals.py", "sql/statements.py", "sql/tokens.py"),
    *("spark/names.py", "spark/reader.py", "spark/tokens.py", "keys.py", "wording.py"),
)
"""The files of `core` that decide what is found in a text; they change between releases."""


@dataclass(frozen=True)
class KnownQueries:
    """Reads as `lakeflow.core.sql.reader` does. Without a folder, or with an unusable one, nothing is cached."""

    folder: Path | None

    @cached_property
    def _kept(self) -> CacheFolder:
        return CacheFolder(self.folder and self.folder / "queries")

    def __call__(self, text: str, path: str, allowed: Allowed = NO_OTHERS) -> ParsedQuery:
        made_from: list[Any] = [_maker(), path, text, sorted(allowed.own), sorted(map(str, allowed.external))]
        made_from.append(allowed.engine)
        made_from.append([[str(key), *columns] for key, columns in allowed.new])
        name = f"{digest_of(json.dumps(made_from))}.json"
        if (known := self._read(name)) is not None:
            return known
        found = _read_anew(text, path, allowed)
        self._kept.write(name, json.dumps(_queries().dump_python(found, mode="json"), separators=(",", ":")))
        return found

    def _read(self, name: str) -> ParsedQuery | None:
        with suppress(ValueError):
            if (text := self._kept.read(name)) is not None:
                known: ParsedQuery = _queries().validate_python(json.loads(text))
                return known
        return None


def _read_anew(text: str, path: str, allowed: Allowed) -> ParsedQuery:
    from lakeflow.adapters.duckdb.code.syntax import parsed, syntax_fault  # noqa: PLC0415  DuckDB takes 0.1 s to import
    from lakeflow.core.sql.reader import read_query, with_tree  # noqa: PLC0415  the parser takes 0.2 s to import

    if allowed.engine is Computer.SPARK:
        return _read_spark(text, path, allowed)
    query = read_query(text, path, allowed)
    if not query.faults and (tree := parsed(text)) is not None:
        return with_tree(query, tree, text, path)
    if not query.faults:
        unread = Fault(path, 1, "DuckDB does not read it as exactly one SELECT", "simplify it")
        query = replace(query, faults=(syntax_fault(text, path) or unread,))
    return _of_the_other(query, _read_spark(text, path, allowed), _DECLARE)


def _read_spark(text: str, path: str, allowed: Allowed) -> ParsedQuery:
    """The same of Spark SQL."""
    from lakeflow.adapters.duckdb.code.syntax import parsed  # noqa: PLC0415  as above
    from lakeflow.core.spark.reader import read_spark_query, shadow, with_flows  # noqa: PLC0415  as above
    from lakeflow.core.sql.reader import read_query  # noqa: PLC0415  as above

    query = read_spark_query(text, path, allowed)
    if not query.faults:
        return with_flows(query, parsed(shadow(text)))
    return (
        query if allowed.engine is not Computer.SPARK else _of_the_other(query, read_query(text, path, allowed), _DROP)
    )


_DECLARE: Final = 'it reads as Spark SQL: declare engine = "spark", or write it in DuckDB\'s dialect'
_DROP: Final = 'it reads as DuckDB\'s SQL: drop engine = "spark", or write it in Spark SQL'


def _of_the_other(query: ParsedQuery, other: ParsedQuery, hint: str) -> ParsedQuery:
    """The faults of a text, with the hint where it has none in the other dialect."""
    return query if other.faults else replace(query, faults=tuple(replace(each, hint=hint) for each in query.faults))


@cache
def _maker() -> str:
    from importlib.metadata import version  # noqa: PLC0415  a project that is kept reads no SQL

    core = Path(__file__).parents[1] / "core"
    texts = [path.read_text("utf-8") for path in (Path(__file__), *(core / name for name in _MAKERS))]
    return digest_of(json.dumps([version("sqlglot"), version("duckdb"), *texts]))


@cache
def _queries() -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415  whoever keeps nothing does without

    return TypeAdapter(ParsedQuery)
