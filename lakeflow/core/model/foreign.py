"""What it takes to read files that another engine wrote, beyond their paths: plain values, kept beside the paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakeflow.core.keys import EMPTY


@dataclass(frozen=True)
class FileOrigin:
    """What the table says about one data file: the sequence number of its rows, and its partition.

    `scope` is the same text for all files of one partition of one spec, empty where a table is not partitioned.
    `constants` are values that all its rows have, so that the file may leave them out: by field id, in the engine's
    words, None for NULL.
    """

    sequence: int = 0
    scope: str = ""
    constants: Mapping[int, str | None] = EMPTY


@dataclass(frozen=True)
class Mapped:
    """A field by the names that files without field ids may give it (Iceberg spec, "Column Projection").

    `id` None: names that stand for no field.
    """

    names: frozenset[str]
    id: int | None
    fields: tuple[Mapped, ...] = ()


@dataclass(frozen=True)
class Equality:
    """Rows that a delete file hides by their values: those whose fields of these ids are equal to one of its rows'.

    It reaches data files of a lower sequence number in its own `scope`; with `scope` empty, those of any.
    """

    fields: tuple[int, ...]
    scope: str = ""
