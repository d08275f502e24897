"""What a SELECT reads, as a value; `lakeflow.core.sql.reader` finds it in a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Computer
from lakeflow.core.sql.column_origins import Flows
from lakeflow.core.values import dataclass

PUBLISHED: Final = "published"
"""The database under whose name a check sees what readers see."""


@dataclass(frozen=True)
class Reference:
    """A table that a SELECT names, with the line of its first mention."""

    key: AssetKey
    line: int


@dataclass(frozen=True)
class Allowed:
    """What a SELECT may read besides layers: tables without a layer, by lower-case name, and tables of other catalogs.
    `new` inputs give it new rows alone, each with its key columns if it gets all rows of the keys that have some (none:
    row by row). `engine` runs it, so it is written in that one's SQL.
    """

    own: frozenset[str] = frozenset()
    external: frozenset[ExternalKey] = frozenset()
    new: tuple[tuple[AssetKey, tuple[str, ...]], ...] = ()
    engine: Computer = Computer.DUCKDB


NO_OTHERS: Final = Allowed()


@dataclass(frozen=True)
class ParsedQuery:
    """What a SELECT reads. `own` and `external` are those allowed tables besides layers that it does read.

    `outside` holds a fault for each file that it reads, for places where that is not allowed; `files` are the paths and
    globs of those that it spells out. `flows` says where the values of its columns come from; None for a text that is
    no SELECT.
    """

    references: tuple[Reference, ...] = ()
    published: tuple[Reference, ...] = ()
    own: frozenset[str] = frozenset()
    external: frozenset[ExternalKey] = frozenset()
    outside: tuple[Fault, ...] = ()
    faults: tuple[Fault, ...] = ()
    flows: Flows | None = None
    files: tuple[str, ...] = ()


ReadQuery: TypeAlias = Callable[[str, str, Allowed], ParsedQuery]
"""Reads the text of a file at a path, with what the text may read besides layers."""
