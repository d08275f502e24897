"""Masks the result of an asset's code before anything else happens to it: no unmasked value is ever stored, neither on
a branch nor in a file that a failed write leaves.

A hash is HMAC-SHA256, written with the query's own functions. Two functions give its two keys. They exist for the step
alone, under names that nobody can guess. So the salt is in no SQL text, in no message that quotes one, and in nothing
that a SELECT can ask the connection for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import duckdb
from duckdb import DuckDBPyConnection, DuckDBPyRelation
from duckdb.sqltypes import BLOB

from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.instance.instance import StepSession
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Mask
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import Salt, hashes, require_key
from lakeflow.core.wording import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

REDACTED: Final = "***"


@dataclass(frozen=True)
class Privacy:
    """What an engine must know about personal data.

    `personal` names assets whose lineage holds personal data although they declare none of it: their errors keep
    values out just as those of an asset with `pii` columns. `salt` keys the hashes of masked columns.
    """

    personal: frozenset[AssetKey] = frozenset()
    salt: Salt | None = None


NO_PRIVACY: Final = Privacy()


@dataclass(frozen=True)
class Masks:
    """The masks of one step, by lower-case column. `keys` maps the names of the two key functions to the inner and the
    outer key of its hashes.
    """

    columns: Mapping[str, Mask]
    keys: Mapping[str, bytes] = field(repr=False)

    @contextmanager
    def ready(self, running: StepSession) -> Iterator[None]:
        """While this is open, every connection of the instance has the two functions."""
        with ExitStack() as stack:
            for name, key in self.keys.items():
                cursor = running.another()
                cursor.create_function(name, _giving(key), [], BLOB)
                stack.callback(_forget, cursor, name)
            yield

    def over(self, relation: DuckDBPyRelation, running: StepSession, place: ErrorContext) -> DuckDBPyRelation:
        """The relation with these columns masked, still lazy. AssetError when it lacks one of them."""
        if not self.columns:
            return relation
        names = {name.lower() for name in relation.columns}
        if missing := next((name for name in self.columns if name not in names), None):
            hint = did_you_mean(missing, relation.columns, f"the code gives {', '.join(relation.columns)}")
            raise place.error(f"a mask is declared for column {missing!r}, which the code does not give", hint)
        own = self._within_reach(relation, running)
        return own.project(", ".join(self._column(name) for name in own.columns))

    def _within_reach(self, relation: DuckDBPyRelation, running: StepSession) -> DuckDBPyRelation:
        """The relation on a connection that has the two functions: code may return a relation of another DuckDB."""
        if all(self._knows(relation, name) for name in self.keys):
            return relation
        rows: pa.RecordBatchReader = relation.to_arrow_reader()
        return running.another().from_arrow(rows)

    def _knows(self, relation: DuckDBPyRelation, name: str) -> bool:
        known = f"SELECT count(*) FROM duckdb_functions() WHERE function_name = {literal(name)}"
        found = relation.query("lakeflow_rows", known)
        return bool(found.fetchall()[0][0]) if found else False

    def _column(self, name: str) -> str:
        mask, column = self.columns.get(name.lower()), quoted(name)
        match mask:
            case Mask.HASH:
                inner, outer = (f"{quoted(name)}()" for name in self.keys)
                digest = f"sha256({inner} || encode(CAST({column} AS VARCHAR)))"
                return f"sha256({outer} || unhex({digest})) AS {column}"
            case Mask.REDACT:
                return f"CASE WHEN {column} IS NOT NULL THEN {literal(REDACTED)} END AS {column}"
        return column


def masks_of(asset: Asset, salt: Salt | None) -> Masks:
    """The masks of an asset. ConfigError when it hashes and there is no salt."""
    if not hashes(asset):
        return Masks(asset.masks, {})
    names = (f"lakeflow_{uuid4().hex}" for _ in range(2))
    return Masks(asset.masks, dict(zip(names, require_key(asset, salt).pads, strict=True)))


def _giving(key: bytes) -> Callable[[], bytes]:
    return lambda: key


def _forget(cursor: DuckDBPyConnection, name: str) -> None:
    with suppress(duckdb.Error):  # the step was interrupted: the function goes with its instance
        cursor.remove_function(name)
