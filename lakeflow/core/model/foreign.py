"""What it takes, beyond paths, to read files that another engine wrote."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class FileOrigin:
    """What the table says about one data file: the sequence number of its rows, and its partition.

    `scope` is the same text for all files of one partition of one spec; empty where the table is not partitioned.
    `constants` are the values that all rows of the file share, so the file may leave these columns out: by field id,
    spelled as the engine does, None for NULL.
    """

    sequence: int = 0
    scope: str = ""
    constants: Mapping[int, str | None] = EMPTY


@dataclass(frozen=True)
class Mapped:
    """A field by the names that files without field ids may give it (Iceberg spec, "Column Projection").

    `id` None: these names stand for no field.
    """

    names: frozenset[str]
    id: int | None
    fields: tuple[Mapped, ...] = ()


@dataclass(frozen=True)
class Equality:
    """Deletes rows of data files by value: those whose fields with these ids equal a row of the delete file.

    It applies to data files with a lower sequence number in the same `scope`; an empty `scope` means in any.
    """

    fields: tuple[int, ...]
    scope: str = ""
