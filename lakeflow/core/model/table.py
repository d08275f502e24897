"""What lakeflow knows of a table: its snapshots, refs and schemas, and the files of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey, TableKey
from lakeflow.core.model.foreign import Equality, FileOrigin, Mapped
from lakeflow.core.model.layout import PLAIN, Layout, Partition
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.values import dataclass

MAIN: Final = "main"
_FAST_CLOCK: Final = timedelta(seconds=60)  # what Java engines tolerate between two entries of a table's log
NEUTRAL: Final = "replace"
"""The operation of a commit that moves files and changes no row: a compaction (Iceberg spec, snapshots)."""
if TYPE_CHECKING:
    from typing_extensions import TypeVar as WithDefault

    Key = WithDefault("Key", AssetKey, ExternalKey, default=AssetKey)
else:  # nobody asks for the default when it runs
    Key = TypeVar("Key", AssetKey, ExternalKey)
"""The owner of a table: an asset, which a bare `Table` means, or a table of another catalog."""


@dataclass(frozen=True)
class Pinned:
    """Main of a table when an environment was made, or refreshed; None: nothing was published then."""

    uuid: str
    snapshot_id: int | None


@dataclass(frozen=True)
class Snapshot:
    """One Iceberg snapshot; `operation` is append, overwrite, replace or delete, `committed_at` is in UTC."""

    id: int
    parent_id: int | None
    committed_at: datetime
    operation: str
    summary: Mapping[str, str]
    schema_id: int | None

    @property
    def rows(self) -> int | None:
        """Rows after this snapshot, where its writer said so."""
        total = self.summary.get("total-records")
        return None if total is None else int(total)

    @property
    def added_rows(self) -> int:
        return int(self.summary.get("added-records", 0))

    @property
    def deleted_rows(self) -> int:
        return int(self.summary.get("deleted-records", 0))


class UnmadeSnapshots(Mapping[int, Snapshot]):
    """The snapshots of a table by id, in order, each made when somebody asks for it. A look at a table asks for one or
    two. `parents` holds the parent of each id, `make` makes the one of an id; `times` holds when the last of them was
    committed, or nothing where there is none.
    """

    def __init__(
        self, parents: Mapping[int, int | None], make: Callable[[int], Snapshot], times: tuple[datetime, ...]
    ) -> None:
        self.parents = parents
        self.times = times
        self._make = make
        self._made: dict[int, Snapshot] = {}

    def __getitem__(self, id_: int) -> Snapshot:
        found = self._made.get(id_)
        if found is None:
            found = self._made[id_] = self._make(id_)
        return found

    def __contains__(self, id_: object) -> bool:
        return id_ in self.parents

    def __iter__(self) -> Iterator[int]:
        return iter(self.parents)

    def __len__(self) -> int:
        return len(self.parents)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[type[dict[int, Snapshot]], tuple[dict[int, Snapshot]]]:
        return dict, (dict(self),)


@dataclass(frozen=True)
class Table(Generic[Key]):
    """A table as one read of the catalog found it.

    `version` is the location of the metadata file, on which a commit compares and swaps.
    `refs` holds branches and tags, `tags` the names of the tags; `main` is absent while nothing was ever published.
    `proofs` maps a snapshot id to the location of its proof (a Puffin file). `log` says when main came to which
    snapshot, oldest first, as far as the table remembers; some writers keep none.
    """

    key: Key
    uuid: str
    location: str
    version: str
    format_version: int
    schema_id: int
    schemas: Mapping[int, Schema]
    last_column_id: int
    snapshots: Mapping[int, Snapshot]
    refs: Mapping[str, int]
    proofs: Mapping[int, str] = EMPTY
    log: tuple[tuple[datetime, int], ...] = field(default=(), repr=False)
    properties: Mapping[str, str] = field(default=EMPTY, repr=False)
    tags: frozenset[str] = frozenset()

    @property
    def main(self) -> int | None:
        return self.refs.get(MAIN)

    @property
    def published(self) -> Snapshot | None:
        return None if self.main is None else self.snapshots[self.main]

    @property
    def same_rows(self) -> tuple[Snapshot, ...]:
        """Main, and those before it that hold the very same rows, because files were only moved since; newest first."""
        found: list[Snapshot] = []
        for each in self.ancestry(self.main):
            found.append(each)
            if each.operation != NEUTRAL:
                break
        return tuple(found)

    @property
    def latest(self) -> datetime | None:
        """When the table was last written or its main was moved, by the clocks of the writers; None: never."""
        if isinstance(self.snapshots, UnmadeSnapshots):
            commits: tuple[datetime, ...] = self.snapshots.times
        else:
            commits = tuple(snapshot.committed_at for snapshot in self.snapshots.values())
        return max((*commits, *(at for at, _ in self.log)), default=None)

    def runs_ahead(self, now: datetime) -> datetime | None:
        """Its latest time, if that lies further in the future than clocks usually differ. Then one of two clocks was
        wrong.
        """
        latest = self.latest
        return latest if latest and latest > now + _FAST_CLOCK else None

    @property
    def schema(self) -> Schema:
        """The schema that readers of main see."""
        return self.schemas[self.schema_id]

    def schema_of(self, snapshot_id: int) -> Schema:
        """The schema to read a snapshot with. Main is read with the table's own schema: another engine may rename or
        add a column without a write.
        """
        return self.schema if snapshot_id == self.main else self.written_schema(snapshot_id)

    def written_schema(self, snapshot_id: int) -> Schema:
        """The schema with which the rows of a snapshot were written and audited."""
        of = self.snapshots[snapshot_id].schema_id
        return self.schema if of is None else self.schemas[of]

    def was_main(self, snapshot_id: int) -> bool:
        """Do readers see the snapshot, or did they once, also if it was rolled back since?"""
        seen = {snapshot.id for snapshot in self.ancestry(self.main)} | {id_ for _, id_ in self.log}
        return snapshot_id in seen

    def ancestry(self, snapshot_id: int | None) -> Iterator[Snapshot]:
        """The snapshot and its ancestors, newest first, as far as the table keeps them."""
        while snapshot_id is not None and (snapshot := self.snapshots.get(snapshot_id)):
            yield snapshot
            snapshot_id = snapshot.parent_id

    @property
    def has_more(self) -> bool:
        """Does it keep a snapshot that the line of main does not hold? No snapshot is made for it."""
        found, parents = self.main, self._parents
        for _ in parents:
            if found is None or found not in parents:
                return True
            found = parents[found]
        return False

    @property
    def _parents(self) -> Mapping[int, int | None]:
        if isinstance(self.snapshots, UnmadeSnapshots):
            return self.snapshots.parents
        return {id_: snapshot.parent_id for id_, snapshot in self.snapshots.items()}


@dataclass(frozen=True)
class Looked:
    """Tables as one read of all pointers found them, and for each of the others why it cannot be read. One damaged
    table does not stop the others. `places` says where the metadata of those that cannot be read should stand.
    """

    tables: Mapping[AssetKey, Table] = EMPTY
    broken: Mapping[AssetKey, LakeError] = EMPTY
    places: Mapping[AssetKey, str] = EMPTY


@dataclass(frozen=True)
class External:
    """A table of another catalog as one look found it; `table` is None where `fault` says why it cannot be read."""

    table: Table[ExternalKey] | None = None
    fault: str = ""
    hint: str | None = None

    @property
    def main(self) -> int | None:
        return self.table.main if self.table else None


@dataclass(frozen=True)
class DeleteFile:
    """A file that hides rows of data files: `parquet`, `avro` or `orc` (v2), or `puffin` (v3 deletion vector).

    A vector covers one data file (`target`); it stands at `offset` in its own file and is `length` bytes long. A v2
    file names rows by their positions, or by their values where it has an `equality`. It hides no row that was added
    after its `sequence`.
    """

    path: str
    format: str
    target: str | None = None
    offset: int = 0
    length: int = 0
    sequence: int = 0
    equality: Equality | None = None


@dataclass(frozen=True)
class Scan:
    """Everything needed to read one pinned snapshot without asking a catalog again.

    `files` are local paths or URIs in no order; `rows` counts their rows before deletes. `snapshot_id` None is the
    empty table. `schemas` are all schemas of the table, needed for nested names that moved. `unmarked` says that files
    of another engine may lack field ids or columns, so their footers must be read. `origins` describes such files by
    path, and all files where there are `deletes`. `names` are what columns are called in files without ids. `defaults`
    are the values of columns that a file lacks, by field id and spelled as the engine does. With `among`, only rows
    that agree with one of its rows in the columns `by` are read.
    """

    key: TableKey
    snapshot_id: int | None
    schema: Schema
    files: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0
    deletes: tuple[DeleteFile, ...] = ()
    schemas: tuple[Schema, ...] = ()
    unmarked: bool = False
    origins: Mapping[str, FileOrigin] = field(default=EMPTY, repr=False)
    names: tuple[Mapped, ...] = ()
    defaults: Mapping[int, str] = EMPTY
    among: Scan | None = None
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnFacts:
    """What is certain about one column of a snapshot without reading data.

    No value lies below `low` or above `high`, both as the engine's text. Where they are `exact`, the column contains
    both.
    """

    nulls: int
    low: str | None = None
    high: str | None = None
    exact: bool = False


@dataclass(frozen=True)
class Statistics:
    """What is certain of one snapshot without reading data. Of a column that is missing here, nothing is known."""

    rows: int
    columns: Mapping[str, ColumnFacts] = EMPTY


@dataclass(frozen=True)
class ColumnStats:
    """The statistics of one leaf column in one file. `low` and `high` are the engine's text, maybe cut; None:
    unknown.
    """

    values: int | None = None
    nulls: int | None = None
    nans: int | None = None
    bytes: int | None = None
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True)
class WrittenFile:
    """A Parquet file that is on disk and synced, and belongs to no table yet; `columns` is keyed by path of names.

    `partition` is the one its rows belong to; `is_sorted` says that they are in the table's sort order.
    """

    path: str
    rows: int
    bytes: int
    columns: Mapping[tuple[str, ...], ColumnStats] = EMPTY
    partition: Partition = ()
    is_sorted: bool = False


@dataclass(frozen=True)
class Staging:
    """What one step hands to the catalog: files, their schema, and the summary of the snapshot.

    `base` is main as planned (None: nothing published yet). `removes` are files of the base that go, named as its scan
    names them; a replace removes all files, delete files too. `layout` is how the new files lie, and becomes the
    table's layout with the publish. Columns named in `pii` get no bounds in manifests. `target` is the ref whose base
    it is: main, or the branch of an environment, which may not be there yet.
    """

    branch: str
    base: int | None
    mode: WriteMode
    schema: Schema
    files: tuple[WrittenFile, ...]
    summary: Mapping[str, str]
    removes: tuple[str, ...] = ()
    layout: Layout = PLAIN
    pii: frozenset[str] = frozenset()
    target: str = MAIN


@dataclass(frozen=True)
class Rows:
    """A few rows for a screen: every value as text, None for NULL. `types` are the column types, where known."""

    columns: tuple[str, ...]
    values: tuple[tuple[str | None, ...], ...]
    types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Garbage:
    """Paths and sizes of files that no snapshot needs. `key` None: files of tables that were dropped.

    `version` is the table as it was examined; `kept` says why no garbage can be told for it. `seen` tells each file
    from another that takes its name meanwhile; `total` is the size of all files of the table.
    """

    key: AssetKey | None
    files: Mapping[str, int] = EMPTY
    version: str = ""
    kept: str = ""
    seen: Mapping[str, tuple[str | int, ...]] = EMPTY
    total: int = 0

    @property
    def bytes(self) -> int:
        return sum(self.files.values())
