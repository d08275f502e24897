"""The port to what computes: it runs an asset's code, writes files and answers questions about rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.run.code_terms import FREELY, Terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set
    from contextlib import AbstractContextManager
    from datetime import datetime

    from lakeflow.core.compact.stored import MovedRows, Rewrite
    from lakeflow.core.compare.comparison import Asked, Compared
    from lakeflow.core.corrupt.corruption import Corruptible, Corruption, Dose
    from lakeflow.core.export.exported import ExportedTable, ExportOrder
    from lakeflow.core.model.asset import Asset
    from lakeflow.core.model.schema import Schema
    from lakeflow.core.model.table import Rows, Scan
    from lakeflow.core.plan.landing import Delivery, LandedSet
    from lakeflow.core.run.resources import Resources
    from lakeflow.core.run.write import Write, WriteResult
    from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
    from lakeflow.core.time.timeline import Window
    from lakeflow.core.time.window_filter import WindowFilter


class Produced(Protocol):
    """What an asset's code gave, not yet written: its columns (ids unassigned), and how to store them."""

    @property
    def schema(self) -> Schema: ...

    @property
    def landed(self) -> LandedSet:
        """The outside files that were read for it, each with the rows that were counted in it."""
        ...

    def write(self, write: Write) -> WriteResult:
        """Cast every column to exactly `write.schema` and write synced Parquet files with its field ids.

        Columns of the schema that were not produced are NULL. No rows give no file. A mode that merges writes the new
        rows, and writes again the unchanged rows of those base files in which other rows go. AssetError when a value
        does not fit, without the value in the message when `pii` columns are involved, and when the key of a merge is
        no key: one of its columns is missing or floating, or a value is NULL or occurs twice.
        """
        ...

    def first(self, schema: Schema, limit: int) -> Rows:
        """The first rows as text, cast to exactly `schema`, in no order; no file is written. Fails as `write` does."""
        ...


class Runner(Protocol):
    """What runs the code of assets."""

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        """Begin to load what the code of these assets needs, without waiting. Whatever is loaded already stays.

        `reads` is the largest number of bytes that one of them is known to read.
        """
        ...

    def produce(
        self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        """Run the asset's code on pinned inputs. Lazy: `write` may be what computes.

        CodeError when the code raises, crashes or takes too long; AssetError for everything else that is wrong with it.
        """
        ...

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        """From now on the code of this asset may take these, also in a query that is under way. Nothing is done where
        it does not run, and its memory is not lowered.
        """
        ...

    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        """Read all rows of the delivery's files, then run the asset's code on them. Fails as `produce` does.

        AssetError, naming the file and if possible the line, for a file that is not as `asset.files` declares it.
        """
        ...

    def interrupt(self) -> None:
        """End the work of other threads, which may then raise anything. Work that begins later is not affected."""
        ...

    def close(self) -> None: ...


class Engine(Runner, Protocol):
    """The engine that computes: runs code, reads and compares rows, writes files."""

    def equal(self, left: Scan, right: Scan, resources: Resources | None = None) -> bool:
        """Do both hold the same rows? Floats may differ within the tolerance of DECISIONS 26."""
        ...

    def difference(self, before: Scan, after: Scan, asked: Asked) -> Compared:
        """What rows and values differ. Data files that hold the same rows for both are not opened, unless a condition
        has to count in them. AssetError for a condition that cannot be computed, without a value in its message.
        """
        ...

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        """Write the rows of some files of the scan into new files, without those that its delete files hide, and prove
        that these hold the very same rows: by their number and by a hash of every value, exact to the bit.

        AssetError where they do not, or cannot be read or written exactly; then no new file stays.
        """
        ...

    def are_there(self, rewritten: MovedRows) -> bool:
        """Is every new file still on disk, as large as it was written?"""
        ...

    def drop(self, rewritten: MovedRows) -> None:
        """Remove new files that no snapshot will hold."""
        ...

    def relation(self, scan: Scan) -> Any:
        """A lazy DuckDB relation over the snapshot."""
        ...

    def query(self, text: str, scans: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> Any:
        """A lazy DuckDB relation: one SELECT that reads the scans by their names, `layer.name`, and nothing else.

        In place of the values of the columns in `hidden` (lower case) it sees `•••`. AssetError with DuckDB's first
        line when it refuses the text.
        """
        ...

    def connect(self, scans: Mapping[str, Scan]) -> Any:
        """A DuckDB connection with a view of each scan under its name, `layer.name`."""
        ...

    def export(self, order: ExportOrder, resources: Resources) -> tuple[ExportedTable, ...]:
        """Copy tables out of the lake to one place, all at once: it holds what it held before, or all of the new.

        UsageError where something stands there that no export has written; AssetError when a table cannot be read.
        """
        ...

    def rows(self, scan: Scan, limit: int) -> Rows:
        """The first rows as text, in no order."""
        ...

    def newest(self, scan: Scan, column: str, until: datetime) -> datetime | None:
        """The greatest value of a column of dates or times that is not later than `until`, in UTC; None: it has none.

        A time without a zone counts as UTC, a date as its first moment. AssetError for a column of another type.
        """
        ...

    def touched(
        self, came: Scan, went: Scan | None, filters: Sequence[WindowFilter], windows: Sequence[Window]
    ) -> frozenset[int]:
        """The places of the windows for which one of the filters takes a row that came or went.

        With `went`, rows that both hold, equally often, neither came nor went. AssetError when a filter cannot be
        computed, without a value in its message.
        """
        ...

    def profile(self, scan: Scan, wants: Wants, keys: Sequence[Key] = (), span: Span | None = None) -> Profile:
        """What is wanted of these columns, and about how many rows differ in each of the keys, by one look; with
        a `span` also how many rows its partitions have.
        """
        ...

    def corruptible(self, scan: Scan, corruptions: Sequence[Corruption], dose: Dose) -> tuple[Corruptible, ...]:
        """How many rows each of them would change, and which, by one look; in the same order."""
        ...

    def corrupted(self, scan: Scan, which: Corruptible, dose: Dose) -> AbstractContextManager[Scan]:
        """A corrupted copy in scratch files, which are removed at the end, by the next process where this one is
        killed. No table knows of them.
        """
        ...

    def scratch(self) -> AbstractContextManager[str]:
        """A folder for files that no table will have, where every engine reads and writes. It is removed at the end, by
        the next process where this one is killed.
        """
        ...

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        """Do no two rows agree in these columns, and has none of them a NULL?"""
        ...
