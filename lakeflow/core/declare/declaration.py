"""The declaration of an asset: the fields of `@asset` or of a SQL header, read into their types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from lakeflow.core.declare.fields import EXAMPLES, Flaw, NewKeysInput, NewRowsInput
from lakeflow.core.examples.example import Example
from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey
from lakeflow.core.model.asset import AssetKind, Column, Computer, Deletes, Limits, OnRewrite
from lakeflow.core.model.check import ForeignKey
from lakeflow.core.model.file_source import FileSource
from lakeflow.core.model.layout import PartitionField, SortField
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.freshness import OFF, Freshness, Schedule
from lakeflow.core.time.refresh import Refresh
from lakeflow.core.time.units import Unit
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean


@dataclass(frozen=True)
class Declaration:
    """What an author declared of an asset, every field in its type; `write` None means the layer's default.

    `keep` is the column whose greatest value chooses between rows that come with one key, `keep_age` and
    `keep_snapshots` say how much of main's past stays; `deleted` is the condition of a row that deletes its key,
    `track` the columns whose change begins a new version in an scd2 table.
    """

    inputs: Mapping[str, str] = EMPTY
    external: tuple[ExternalKey, ...] = ()
    renamed_from: AssetKey | None = None
    key: tuple[str, ...] = ()
    write: WriteMode | None = None
    keep: str = ""
    keep_age: timedelta | None = None
    keep_snapshots: int | None = None
    deleted: str = ""
    at: str = ""
    track: tuple[str, ...] = ()
    deletes: Deletes | None = None
    partition_by: tuple[PartitionField, ...] = ()
    sort_by: tuple[SortField, ...] = ()
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    columns: Mapping[str, Column] = EMPTY
    checks: tuple[str, ...] = ()
    layer: str = ""
    reads: tuple[str, ...] = ()
    source: FileSource | None = None
    kind: AssetKind | None = None
    foreign_keys: tuple[ForeignKey, ...] = ()
    derives: Mapping[str, tuple[str, ...]] = EMPTY
    new_rows: tuple[str, ...] = ()
    new_keys: Mapping[str, tuple[str, ...]] = EMPTY
    on_rewrite: OnRewrite | None = None
    partition: tuple[Unit, str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    lookback: int | None = None
    zone: str = ""
    partial: bool = True
    input_times: Mapping[str, str] = EMPTY
    fresh: Freshness | None = None
    fresh_by: Schedule | None = None
    fresh_column: str = ""
    refresh: Refresh | None = None
    allow_empty: bool = False
    timeout: float | None = None
    retries: int | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    examples: tuple[Example, ...] = ()
    engine: Computer | None = None

    @property
    def incremental(self) -> tuple[tuple[AssetKey, tuple[str, ...]], ...]:
        """The inputs of which only new rows are read, or all rows of the keys (by these columns) that have new ones."""
        named = {name: self.new_keys.get(name, ()) for name in (*self.new_rows, *self.new_keys)}
        return tuple(sorted((key, by) for name, by in named.items() if (key := AssetKey.find(name))))

    @property
    def freshness(self) -> Freshness | None:
        """How fresh the asset must be; None where nothing is declared, so that what is made from it decides."""
        if self.fresh_by is not None:
            return Freshness(by=self.fresh_by, column=self.fresh_column, text=self.fresh_by.text)
        return self.fresh and replace(self.fresh, column=self.fresh_column)

    @property
    def limits(self) -> Limits:
        return Limits(self.timeout, self.retries, self.max_rows, self.max_bytes)


def read_declaration(
    raw: Mapping[str, Any], fields: Collection[str] | None = None
) -> tuple[Declaration, tuple[Flaw, ...]]:
    """As much of the declaration as can be read, and everything that is wrong with it.

    `fields` are the allowed ones (`FIELDS`, or `HEADER_FIELDS` in SQL).
    """
    fields = FIELDS if fields is None else fields
    from lakeflow.core.declare.forms import read_fields  # noqa: PLC0415  `from lakeflow import asset` needs no pydantic

    unknown = [
        Flaw(name, f"unknown field {name!r}", did_you_mean(name, fields, f"the fields are {', '.join(fields)}"))
        for name in raw
        if name not in fields
    ]
    values, flaws = read_fields({name: value for name, value in raw.items() if name in fields}) if raw else ({}, ())
    if "keep" in values:
        values["keep"], values["keep_age"] = values["keep"].last_by, values["keep"].age
    inputs = raw["inputs"].values() if "inputs" in values else ()
    if marked := tuple(name for name in inputs if isinstance(name, NewRowsInput)):
        values["new_rows"] = marked
    if keyed := {name: name.by for name in inputs if isinstance(name, NewKeysInput)}:
        values["new_keys"] = keyed
    declaration = Declaration(**values)
    return declaration, (*unknown, *flaws, *_key_flaws(declaration), *_freshness_flaws(raw))


def _key_flaws(declaration: Declaration) -> Iterator[Flaw]:
    seen: set[str] = set()
    for column in declaration.key:
        if column.lower() in seen:
            yield Flaw("key", f"key names column {column!r} twice", "name every column once; letter case is ignored")
        seen.add(column.lower())


def _freshness_flaws(raw: Mapping[str, Any]) -> Iterator[Flaw]:
    if "fresh" in raw and "fresh_by" in raw:
        yield Flaw("fresh_by", "fresh and fresh_by are both given", "an asset has one of them")
    if isinstance(raw.get("fresh_column"), str) and raw.get("fresh", OFF) == OFF and "fresh_by" not in raw:
        hint = f"say how fresh its newest value is to be: {EXAMPLES['fresh']}"
        yield Flaw("fresh_column", "fresh_column is given, and nothing says how fresh it is to be", hint)


FIELDS: Final = tuple(name for name in EXAMPLES if name not in {"new_rows", "new_keys"})
"""The fields in Python, where the inputs themselves say which of them give only new rows."""
HEADER_FIELDS: Final = tuple(name for name in EXAMPLES if name not in {"inputs", "derives"})
