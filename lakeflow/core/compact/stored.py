"""How the rows of one snapshot lie in files, and a rewrite of some of them as a value."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.model.layout import PLAIN, Layout, Partition
from lakeflow.core.model.table import WrittenFile
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class StoredFile:
    """A live data file, named as a scan names it. `partition` is None where it was written in another layout."""

    path: str
    rows: int
    bytes: int
    partition: Partition | None = ()


@dataclass(frozen=True)
class StoredManifest:
    """A live manifest of data files, all of one partition spec."""

    spec: int
    bytes: int


@dataclass(frozen=True)
class Stored:
    """The live files of a snapshot. `deletes` are its delete files; `in_layout` says that the layout asked about is the
    table's own, so that files written in it lie as all new ones do.
    """

    files: tuple[StoredFile, ...] = ()
    manifests: tuple[StoredManifest, ...] = ()
    deletes: tuple[str, ...] = ()
    in_layout: bool = True

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True)
class MovedFiles:
    """Files that are read together and written anew. Their rows are all of one `partition`; None: of several."""

    files: tuple[StoredFile, ...]
    partition: Partition | None = ()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files)


@dataclass(frozen=True)
class Rewrite:
    """Which files an engine writes anew, below `directory`, in the order of `layout`; a file is closed once it is
    larger than `file_bytes`.
    """

    groups: tuple[MovedFiles, ...]
    directory: str
    layout: Layout
    file_bytes: int


@dataclass(frozen=True)
class MovedRows:
    """New files that hold exactly the rows of the old ones, as far as those were not deleted; `rows` counts them.

    `folder` is where they are, and nothing else is there; empty where none had to be written.
    """

    files: tuple[WrittenFile, ...] = ()
    rows: int = 0
    folder: str = ""


@dataclass(frozen=True)
class Compaction:
    """A snapshot to be staged on `branch`, on top of `base`, that holds the rows of the base in other files.

    `removes` are the data files that `files` take the place of; None: all of them, and every delete file. Manifests are
    merged in any case. Columns named in `pii` get no bounds.
    """

    branch: str
    base: int
    removes: frozenset[str] | None
    files: tuple[WrittenFile, ...]
    summary: Mapping[str, str]
    layout: Layout = PLAIN
    pii: frozenset[str] = frozenset()
