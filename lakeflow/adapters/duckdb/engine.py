"""The port `lakeflow.core.ports.engine.Engine` on DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.code.masks import NO_PRIVACY, Privacy, masks_of
from lakeflow.adapters.duckdb.code.produce import LazyOutput, Trial, produced
from lakeflow.adapters.duckdb.code.user_sql import misread, only_of_tables, refused
from lakeflow.adapters.duckdb.diff.difference import difference
from lakeflow.adapters.duckdb.export.write import export
from lakeflow.adapters.duckdb.failures import ErrorContext, failures
from lakeflow.adapters.duckdb.instance.instance import Instance, bind_apart, interrupt, query
from lakeflow.adapters.duckdb.instance.interrupt import interruptible
from lakeflow.adapters.duckdb.instance.pool import Instances
from lakeflow.adapters.duckdb.instance.spill import OwnFolder, lent
from lakeflow.adapters.duckdb.instance.watch import Watch
from lakeflow.adapters.duckdb.land.landing import LandingBatch, landing
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.compare import same_rows
from lakeflow.adapters.duckdb.read.keys import is_key
from lakeflow.adapters.duckdb.read.newest import newest
from lakeflow.adapters.duckdb.read.profile import profile
from lakeflow.adapters.duckdb.read.touched import touched
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.adapters.duckdb.write.corrupted import corruptible, write_corrupted
from lakeflow.adapters.duckdb.write.rewrite import are_there, drop, rewritten
from lakeflow.adapters.duckdb.write.staged import LocalFirst
from lakeflow.core.compact.stored import MovedRows, Rewrite
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, Dose
from lakeflow.core.export.exported import ExportedTable, ExportOrder
from lakeflow.core.keys import EMPTY, AssetKey, Layer, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.file_source import NO_CAPS, Caps
from lakeflow.core.model.table import Rows, Scan
from lakeflow.core.plan.landing import Delivery
from lakeflow.core.ports.store_files import StoreFiles
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.run.resources import Resources
from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
from lakeflow.core.time.timeline import Window
from lakeflow.core.time.window_filter import WindowFilter


class DuckEngine:
    """The engine. `root` is where relative paths in SQL begin. Memory and threads are for work without a share of its
    own.

    ConfigError for a setting that DuckDB refuses.
    """

    def __init__(  # noqa: PLR0913 - the last three by keyword, as settings
        self,
        root: str,
        memory_limit: str | None,
        threads: int | None,
        temp_directory: str,
        *,
        privacy: Privacy = NO_PRIVACY,
        caps: Caps = NO_CAPS,
        stores: StoreFiles | None = None,
    ) -> None:
        kept = KeptFiles(stores) if stores else None
        self._spill = Path(temp_directory)
        self._staging = LocalFirst(self._spill, stores)
        self._instances = Instances(lambda: Instance(root, memory_limit, threads, temp_directory, kept))
        self._privacy = privacy
        self._caps = caps
        self._asked: DuckDBPyConnection | None = None
        self._computing: dict[AssetKey, Instance] = {}

    def start(self, assets: Iterable[Asset], input_bytes: int = 0) -> None:
        """Nothing needs to be loaded."""

    @contextmanager
    def produce(self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY) -> Iterator[LazyOutput]:
        trial = self._trial(asset, inputs, terms)
        bronze = asset.key.layer is Layer.BRONZE
        instances = self._instances.lent if bronze else self._instances.fresh
        with (
            instances(terms.resources) as instance,
            self._computes(asset.key, instance),
            produced(instance, asset, inputs, trial) as output,
        ):
            yield output

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        if instance := self._computing.get(key):
            instance.resize(resources)

    @contextmanager
    def land(
        self, asset: Asset, delivery: Delivery, loaded_at: datetime, terms: Terms = FREELY
    ) -> Iterator[LazyOutput]:
        load, trial = LandingBatch(asset, delivery, loaded_at, self._caps), self._trial(asset, {}, terms)
        with (
            self._instances.lent(terms.resources) as instance,
            self._computes(asset.key, instance),
            landing(instance, load, trial) as output,
        ):
            yield output

    def equal(self, left: Scan, right: Scan, resources: Resources | None = None) -> bool:
        with (
            failures(ErrorContext(left.key, personal=True)),
            self._instances.lent(resources) as instance,
            closing(instance.cursor()) as cursor,
        ):
            return interruptible(lambda: interrupt(cursor), lambda: same_rows(cursor, left, right))

    def difference(self, before: Scan, after: Scan, asked: Asked) -> Compared:
        context = ErrorContext(after.key, personal=True)
        with failures(context), self._instances.lent(None) as instance, closing(instance.cursor()) as cursor:
            return interruptible(lambda: interrupt(cursor), lambda: difference(cursor, before, after, asked))

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        with (
            failures(ErrorContext(scan.key, personal=True)),
            self._instances.lent(resources) as instance,
            closing(instance.cursor()) as cursor,
        ):
            return interruptible(lambda: interrupt(cursor), lambda: rewritten(cursor, scan, rewrite, self._staging))

    def are_there(self, rewritten: MovedRows) -> bool:
        return are_there(rewritten, self._staging.files)

    def drop(self, rewritten: MovedRows) -> None:
        drop(rewritten, self._staging.files)

    def relation(self, scan: Scan) -> DuckDBPyRelation:
        """A relation over the snapshot, which keeps its own connection alive."""
        cursor = self._instances.first.cursor()
        with failures(ErrorContext(scan.key)):
            return cursor.sql(scans.select(cursor, scan)).set_alias(scan.key.name)

    def query(self, text: str, scans: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> DuckDBPyRelation:
        """A relation over one SELECT. What its text reads stays bound until the engine is closed."""
        cursor = self._instances.first.cursor()
        with refused():
            bind_apart(cursor, scans, hidden)
        self._asked = cursor  # a relation alone would not keep it, and who is not kept is not interrupted
        with misread():
            return query(cursor, only_of_tables(cursor, text))

    def connect(self, scans: Mapping[str, Scan]) -> DuckDBPyConnection:
        """A connection with a view of each; they stay until the engine is closed."""
        cursor = self._instances.first.cursor()
        bind_apart(cursor, scans)
        return cursor

    def export(self, order: ExportOrder, resources: Resources) -> tuple[ExportedTable, ...]:
        with self._instances.fresh(resources) as instance, closing(instance.cursor()) as cursor:
            with failures(ErrorContext(next(iter(order.tables.values())).key)):
                bind_apart(cursor, order.tables, order.hidden)
            return interruptible(lambda: interrupt(cursor), lambda: export(cursor, order))

    def rows(self, scan: Scan, limit: int) -> Rows:
        texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in scan.schema.names)
        with failures(ErrorContext(scan.key)), closing(self._instances.first.cursor()) as cursor:
            found = cursor.execute(f"SELECT {texts} FROM ({scans.select(cursor, scan)}) LIMIT {int(limit)}").fetchall()
        return Rows(scan.schema.names, tuple(found), tuple(str(field.type) for field in scan.schema.fields))

    def newest(self, scan: Scan, column: str, until: datetime) -> datetime | None:
        with failures(ErrorContext(scan.key)), closing(self._instances.first.cursor()) as cursor:
            return newest(cursor, scan, column, until)

    def touched(
        self, came: Scan, went: Scan | None, filters: Sequence[WindowFilter], windows: Sequence[Window]
    ) -> frozenset[int]:
        context = ErrorContext(came.key, personal=True)
        with failures(context), self._instances.lent(None) as instance, closing(instance.cursor()) as cursor:
            return interruptible(lambda: interrupt(cursor), lambda: touched(cursor, came, went, filters, windows))

    def profile(self, scan: Scan, wants: Wants, keys: Sequence[Key] = (), span: Span | None = None) -> Profile:
        context = ErrorContext(scan.key, personal=True)
        with failures(context), self._instances.lent(None) as instance, closing(instance.cursor()) as cursor:
            return interruptible(lambda: interrupt(cursor), lambda: profile(cursor, scan, wants, keys, span))

    def corruptible(self, scan: Scan, corruptions: Sequence[Corruption], dose: Dose) -> tuple[Corruptible, ...]:
        context = ErrorContext(scan.key, personal=True)
        with failures(context), self._instances.lent(None) as instance, closing(instance.cursor()) as cursor:
            return interruptible(lambda: interrupt(cursor), lambda: corruptible(cursor, scan, corruptions, dose))

    @contextmanager
    def corrupted(self, scan: Scan, which: Corruptible, dose: Dose) -> Iterator[Scan]:
        context = ErrorContext(scan.key, personal=True)
        with self._instances.lent(None) as instance:
            scratch = OwnFolder(instance.spill, "corrupted")
            try:
                with failures(context), closing(instance.cursor()) as cursor:
                    copy = interruptible(
                        lambda: interrupt(cursor), lambda: write_corrupted(cursor, scan, which, dose, scratch.path)
                    )
                yield copy
            finally:
                scratch.release()

    def scratch(self) -> AbstractContextManager[str]:
        return lent(self._spill)

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        context = ErrorContext(scan.key, personal=True)
        with failures(context), self._instances.lent(None) as instance, closing(instance.cursor()) as cursor:
            return interruptible(lambda: interrupt(cursor), lambda: is_key(cursor, scan, columns))

    def interrupt(self) -> None:
        self._instances.interrupt()

    def close(self) -> None:
        self._instances.close()

    @contextmanager
    def _computes(self, key: AssetKey, instance: Instance) -> Iterator[None]:
        self._computing[key] = instance
        try:
            yield
        finally:
            if self._computing.get(key) is instance:  # the same asset may be computed twice at once, in a preview
                self._computing.pop(key, None)

    def _trial(self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms) -> Trial:
        return Trial(
            place=self._place(asset, inputs),
            masks=masks_of(asset, self._privacy.salt),
            watch=Watch(asset, terms.limits),
            folder=terms.folder or uuid4().hex,
            windows=terms.windows,
            staging=self._staging,
        )

    def _place(self, asset: Asset, inputs: Mapping[TableKey, Scan]) -> ErrorContext:
        return ErrorContext(
            asset.key,
            at=asset.place,
            names=tuple(str(key) for key in inputs),
            columns=tuple(name for scan in inputs.values() for name in scan.schema.names),
            personal=bool(asset.pii) or asset.key in self._privacy.personal,
        )
