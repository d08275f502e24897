"""Which staged column holds what of which version of a contract, and the casts that make of them what lands.

A text file is staged as it stands. Where a version declares another type than today's contract, its values have a
staged column of their own: they are judged by the type that held for their file, and are then cast, exactly again, to
the type that the table has today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import duckdb

from lakeflow.adapters.duckdb.cast.exact import exact
from lakeflow.adapters.duckdb.cast.from_json import JsonValue, exact_json
from lakeflow.adapters.duckdb.cast.from_text import VARCHAR
from lakeflow.adapters.duckdb.cast.leaf import Cast
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.contract.fit import contracts, landed_columns
from lakeflow.core.contract.versions import types_of
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.schema import Type, children
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.values import dataclass


def too_large(value: str, cap: int, name: str) -> tuple[str, str]:
    """The condition of a text of more bytes than a cell may have, and the message."""
    return f"strlen(CAST({value} AS VARCHAR)) > {cap}", f"column {name!r} holds more than {cap:,} bytes (see max_cell)"


@dataclass(frozen=True)
class StagedColumn:
    """A column `name` of a landed table, staged in `at`: its text is one of type `judged`, and lands as `lands`."""

    name: str
    at: str
    judged: Type
    lands: Type
    is_json: bool

    @property
    def is_nested(self) -> bool:
        """Is it staged as JSON, and not as text?"""
        return self.is_json and bool(children(self.judged))

    @cached_property
    def cast(self) -> Cast:
        first = exact_json(JsonValue(self.at, self.at), self.judged, self.name) if self.is_nested else self._from_text
        if str(self.judged) == str(self.lands):
            return first
        then = exact(f"({first.value})", duckdb.sqltype(spelled(self.judged)), self.lands, self.name)
        return Cast(then.value, (*first.faults, *then.faults))

    @property
    def _from_text(self) -> Cast:
        return exact(self.at, VARCHAR, self.judged, self.name)


@dataclass(frozen=True)
class StagedColumns:
    """The staged columns of all versions of a source. `extra` are landed columns that nobody declares: text."""

    source: FileSource
    extra: tuple[str, ...] = ()

    @cached_property
    def all(self) -> tuple[StagedColumn, ...]:
        found = dict[tuple[str, str], StagedColumn]()
        for name, type_ in landed_columns(self.source).items():
            lands = parse_type(type_ or "string")
            for judged in (lands, *self._older_types(name)):
                column = StagedColumn(name, f"c{len(found)}", judged, lands, self.source.is_json)
                found.setdefault((name, str(judged)), column)
        text = parse_type("string")
        extra = (StagedColumn(name, f"c{len(found) + at}", text, text, False) for at, name in enumerate(self.extra))
        return (*found.values(), *extra)

    def of(self, version: FileSource) -> Mapping[str, StagedColumn]:
        """Where the columns of one version are staged, by the names under which they land."""
        types = {name: str(parse_type(type_ or "string")) for name, type_ in types_of(self.source, version).items()}
        mine = {each.name: each for each in self.all if types.get(each.name, str(each.lands)) == str(each.judged)}
        return {name: each for name, each in mine.items() if name in types or name in self.extra}

    @property
    def values(self) -> dict[str, str]:
        """SQL of each column that lands. Of several staged columns of one name, a row fills one at most."""
        casts = dict[str, list[str]]()
        for each in self.all:
            casts.setdefault(each.name, []).append(each.cast.value)
        return {name: some[0] if len(some) == 1 else f"coalesce({', '.join(some)})" for name, some in casts.items()}

    def faults(self) -> Iterator[tuple[str, str]]:
        """The conditions of values that cannot be kept, each with its message."""
        if cap := self.source.caps.cell:
            yield from (too_large(each.at, cap, each.name) for each in self.all)
        yield from ((fault.condition, fault.message) for each in self.all for fault in each.cast.faults)

    def _older_types(self, name: str) -> Sequence[Type]:
        types = (types_of(self.source, version).get(name) for version in contracts(self.source)[1:])
        return [parse_type(type_ or "string") for type_ in types if type_ is not None]
