"""A lake is an open project: the words of the command line, for Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lakeflow import diagnosis, wap
from lakeflow.assembly import assemble, read_log, syntax_faults, utc_now
from lakeflow.core import history, lineage
from lakeflow.core.backfill import Asked, Backfilled, BackfillEvent
from lakeflow.core.calendar import parse_last, parse_moment
from lakeflow.core.consistency import undefined
from lakeflow.core.errors import LakeflowError, ProjectError, UsageError
from lakeflow.core.events import Event
from lakeflow.core.facts import Facts
from lakeflow.core.findings import Finding
from lakeflow.core.garbage import Garbage
from lakeflow.core.health import by_urgency, health, modified
from lakeflow.core.inspection import Inspected, looked_at, recorded
from lakeflow.core.model import AssetKey, ExternalKey, Project
from lakeflow.core.planning import Plan, plan
from lakeflow.core.ports import Rows
from lakeflow.core.readmission import Quarantined
from lakeflow.core.runs import UNPUBLISHED_ENDS, CheckResult, RunRecord, RunState, waiting
from lakeflow.core.salt import with_salt
from lakeflow.core.selection import Known, Standing, select, spelled
from lakeflow.core.settings import Settings
from lakeflow.core.table import MAIN, Scan, Table
from lakeflow.core.views import AssetStatus, LineageNode, Setting, SnapshotRow
from lakeflow.project import find_root, load, load_settings

Observer = Callable[[Event], None]
YOUNG: Final = timedelta(days=3)
"""Younger files may belong to a writer or a reader at work."""
MASK: Final = "•••"
_MANY_RUNS: Final = 200


def _to_stderr(lines: tuple[str, ...]) -> None:
    """What code prints while somebody looks at it."""
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - it is the user's print


def _unobserved(_event: BackfillEvent) -> None:
    """Nobody watches."""


def open(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Lake:  # noqa: A001 - the API's word
    """The lake around `path`. `settings` override environment and file.

    ProjectError with all faults of the files; ConfigError for a bad setting. Touches no data.
    """
    root = find_root(Path(path))
    values, sources = load_settings(root, os.environ, settings or {})
    return Lake(with_salt(load(root), os.environ), values, sources)


def doctor(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> tuple[Finding, ...]:
    """What is well and what is wrong with this machine and the lake around `path`, also one that `open` refuses."""
    return diagnosis.diagnose(Path(path), settings or {}, os.environ)


def relocate(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> tuple[AssetKey, ...]:
    """Give the tables of a moved or copied lake their new place; those done. All or nothing.

    BusyError while a run is at work, LakeError for a table that cannot be rewritten exactly.
    """
    return diagnosis.relocate(diagnosis.patient(Path(path), settings or {}, os.environ))


@dataclass(frozen=True)
class Lake:
    """Each method is a sentence of the command line; see `docs/` for the same words there."""

    project: Project
    configured: Settings
    sources: Mapping[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @cached_property
    def _world(self) -> wap.World:
        world = assemble(self.project, self.configured)
        try:
            diagnosis.refuse_moved(self._patient())
        except LakeflowError:
            world.close()
            raise
        return world

    def close(self) -> None:
        """Let go of database, engine and audit worker."""
        if world := self.__dict__.pop("_world", None):
            world.close()

    def select(self, *selection: str, exclude: str = "") -> tuple[AssetKey, ...]:
        """The assets meant and not excluded, upstreams first; all of them when nothing is said.

        Opens the catalog only for `status:` and `state:`.
        """
        return select(selection, self._known(), exclude)

    def check(self) -> None:
        """Ask DuckDB's own parser about all SQL, which opening the lake did not; ProjectError with every fault.

        ConfigError for an external table whose catalog no setting names.
        """
        for name in sorted({key.catalog for asset in self.project.assets.values() for key in asset.external}):
            self.configured.require_catalog(name)
        if faults := syntax_faults(self.project):
            raise ProjectError(faults)

    def plan(self, *selection: str, exclude: str = "", force: bool = False, full_refresh: bool = False) -> Plan:
        """What `materialize` would do now, and why."""
        chosen = self.select(*selection, exclude=exclude)
        return wap.preview(self._world, wap.Request(chosen, spelled(selection, exclude), force, refreshed=full_refresh))

    def materialize(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        *selection: str,
        exclude: str = "",
        force: bool = False,
        full_refresh: bool = False,
        all_or_nothing: bool = False,
        wait: float = 0.0,
        observer: Observer = _unobserved,
    ) -> RunRecord | None:
        """Write, audit and publish. None when there is nothing to do; a held audit is a result, not an error.

        `force` runs fresh assets too, `full_refresh` makes all of it anew from nothing, `all_or_nothing` publishes
        nothing when one asset is held, `wait` is how many
        seconds to wait for another run's lease.
        """
        chosen = self.select(*selection, exclude=exclude)
        request = wap.Request(chosen, spelled(selection, exclude), force, all_or_nothing, wait, full_refresh)
        return wap.materialize(self._world, request, observer)

    def audit(
        self, *selection: str, exclude: str = "", ref: str = MAIN, snapshot: str | None = None, history: int = 1
    ) -> tuple[Inspected, ...]:
        """What today's checks say of what stands at a ref (`audit_…`, or `held`), or of one snapshot of one asset.

        Nothing is written or recorded. With `history` the last so many snapshots of main that changed its rows, newest
        first: which of them would these checks have held? UsageError when nothing selected stands there.
        """
        keys = self.select(*selection, exclude=exclude)
        tables = wap.tables_around(self._world, keys)
        found = looked_at({key: tables[key] for key in keys if key in tables}, ref, snapshot, history)
        return tuple(wap.inspect(self._world, tables, [wap.Look(key, at) for key, at in found]))

    def failing(
        self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, limit: int = 20
    ) -> tuple[CheckResult, ...]:
        """What today's checks find of an asset, with so many of the rows that fail each; nothing is recorded."""
        key = self._one(asset)
        tables = wap.tables_around(self._world, [key])
        found = looked_at({key: tables[key]} if key in tables else {}, ref, snapshot, 1)
        looks = [wap.Look(key, at, limit) for key, at in found]
        return next(wap.inspect(self._world, tables, looks)).checks

    def audited(self, run: str, *selection: str, exclude: str = "") -> tuple[Inspected, ...]:
        """What the audits of that run recorded; nothing is audited again."""
        keys = self.select(*selection, exclude=exclude) if selection or exclude else None
        found = self.run(run)
        tables = self._world.catalog.load([step.asset for step in found.steps])
        return tuple(one for one in recorded(found, tables) if keys is None or one.asset in keys)

    def data_docs(self, directory: str | Path, audits: Sequence[Inspected]) -> tuple[Path, ...]:
        """Great Expectations' own HTML of these audits, and an index; the files written. Imports the library."""
        from lakeflow.expectations.docs import write_docs  # noqa: PLC0415 - seconds, and only this needs it

        return write_docs(Path(directory), audits)

    def backfill(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        *selection: str,
        exclude: str = "",
        between: tuple[str | date | None, str | date | None] = (None, None),
        only_missing: bool = False,
        size: int = 1,
        wait: float = 0.0,
        observer: Callable[[BackfillEvent], None] = _unobserved,
    ) -> Backfilled:
        """Build the partitions of a span of time, oldest first: `size` of them a run, each run audited and published.

        `between` names the first and the last year, month, day or exact time (`("2013-01", "2013-03")` is a quarter);
        by default all that are over. `only_missing` leaves out what is built from today's code and inputs. UsageError
        when no selected asset has partitions, and for a span outside of theirs; ValueError for what is no date.
        """
        chosen = self.select(*selection, exclude=exclude)
        first, last = between
        asked = Asked(
            None if first is None else parse_moment(first),
            None if last is None else parse_last(last),
            only_missing,
            size,
        )
        request = wap.Request(chosen, spelled(selection, exclude), wait=wait)
        return wap.backfill(self._world, request, asked, observer)

    def publish(
        self,
        run: str,
        *selection: str,
        exclude: str = "",
        reason: str | None = None,
        observer: Observer = _unobserved,
    ) -> RunRecord:
        """Audit the held snapshots of a run again and publish what passes.

        With a `reason` the publish is forced: failed and errored checks are overridden, who and why recorded.
        """
        chosen = self.select(*selection, exclude=exclude) if selection or exclude else ()
        return wap.publish_held(self._world, self.run(run).id, chosen, reason, observer)

    def discard(self, run: str) -> RunRecord:
        """Drop the branches of everything that the run did not publish."""
        return wap.discard(self._world, self.run(run).id)

    def retry(self, run: str | None = None, *, wait: float = 0.0, observer: Observer = _unobserved) -> RunRecord:
        """The next attempt of that run, by default the latest unpublished one."""
        return wap.retry(self._world, self.run(run).id if run else self._latest_unpublished(), wait, observer)

    def rollback(self, run: str, *, force: bool = False) -> RunRecord:
        """Take a whole run back. `force` accepts a state that no run produced."""
        return wap.rollback(self._world, self.run(run).id, force=force)

    def readmit(self, asset: str, *, wait: float = 0.0, observer: Observer = _unobserved) -> RunRecord | None:
        """Append to the asset what now passes of the rows in its quarantine, by a run of its own; None: no row waits.

        What fails again is refused anew. UsageError for an asset that has no quarantine, or that does not append.
        """
        key = self._one(asset)
        request = wap.Request((key,), (str(key),), wait=wait, readmits=True)
        return wap.materialize(self._world, request, observer)

    def adopt(self, asset: str, place: str | None = None, *, observer: Observer = _unobserved) -> RunRecord:
        """Audit an Iceberg table that exists and make it the asset's: by `catalog.namespace.table`, its folder or one
        of its metadata files; without a place the one that stands under the asset's name and that others wrote.

        A table that does not pass is left alone: the run is `discarded`. SchemaError when it is not as declared.
        """
        key = self._one(asset)
        return wap.adopt(self._world, key, place and self._place(place), observer)

    def drop(self, table: str) -> RunRecord:
        """Take a table that no asset defines out of the catalog; its files stay. UsageError for any other."""
        key = AssetKey.find(table)
        if key is None:
            raise UsageError(f"{table!r} is not layer.name", hint="`lakeflow status` lists what no asset defines")
        return wap.drop(self._world, key)

    def garbage(self, *, older_than: timedelta = YOUNG) -> tuple[Garbage, ...]:
        """The files that nothing needs and that are older, by table; None: folders that hold no table. Removes none."""
        return wap.garbage(self._world, utc_now() - older_than)

    def collect_garbage(self, *, older_than: timedelta = YOUNG) -> tuple[Garbage, ...]:
        """Remove them; what was removed, and why a table was left alone."""
        return wap.collect(self._world, utc_now() - older_than)

    def undefined(self) -> tuple[Table, ...]:
        """The tables of the catalog that no asset defines any more."""
        return undefined(self._world.catalog.load(self._world.catalog.keys()), self.project)

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """Newest first. One whose process died is abandoned, also before the next writer records that."""
        return wap.as_they_are(self._world.ledger, lambda: self._world.ledger.runs(limit))

    def waiting(self) -> tuple[RunRecord, ...]:
        """Newest first: runs that left something unpublished which no later run took up."""
        return waiting(self.runs(_MANY_RUNS))

    def run(self, prefix: str) -> RunRecord:
        """The run whose id starts so; UsageError when none or several do."""
        return wap.as_they_are(self._world.ledger, lambda: (self._world.ledger.run(prefix),))[0]

    def log(self, prefix: str) -> tuple[str, ...]:
        """What happened when in the run whose id starts so, a line an event; UsageError when no log of it is here."""
        run = self.run(prefix).id
        lines = read_log(self.project, self.configured, run)
        if lines is None:
            raise UsageError(f"run {run} has no log here", hint=f"`lakeflow runs {run}` shows what became of it")
        return lines

    def status(self, *selection: str, exclude: str = "") -> tuple[AssetStatus, ...]:
        """How the assets stand, what needs a decision first."""
        known = self._known()
        return by_urgency([known.standing.statuses[key] for key in select(selection, known, exclude)])

    def snapshots(self, asset: str) -> tuple[SnapshotRow, ...]:
        """Newest first: open branches, then main and its ancestors."""
        key = self._one(asset)
        table = self._world.catalog.load([key]).get(key)
        return history.history(table, self._world.ledger.verdicts([key]).get(key, ())) if table else ()

    def lineage(self, *selection: str, exclude: str = "") -> tuple[LineageNode, ...]:
        """One tree for each selected asset from which no other selected one is made."""
        facts = self._facts()
        known = Known(self.project, lambda: self._standing(facts))
        trees = lineage.trees(self.project, known.standing.statuses, select(selection, known, exclude))
        return lineage.with_snapshots(trees, facts)

    def read(self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, as_of: datetime | None = None) -> Any:
        """A lazy DuckDB relation over what readers see or saw (`as_of`), a ref (`audit_…`) or snapshot (`s4411…`)."""
        return self._world.engine.relation(self._scan(asset, ref, snapshot, as_of))

    def snapshot_at(self, asset: str, moment: datetime) -> int:
        """The snapshot that readers of main saw then, one that was rolled back later included.

        `moment` is in UTC unless it knows its time zone. UsageError before the first publish, and when that history
        has expired.
        """
        return history.seen_at(self._table(self._one(asset)), moment)

    def show(
        self,
        asset: str,
        *,
        ref: str = MAIN,
        snapshot: str | None = None,
        as_of: datetime | None = None,
        limit: int = 20,
    ) -> Rows:
        """The first rows as text, personal columns masked; of what `read` reads."""
        rows = self._world.engine.rows(self._scan(asset, ref, snapshot, as_of), limit)
        return self._masked(rows, self._one(asset))

    def quarantined(self, asset: str, *, limit: int = 20) -> Quarantined:
        """The rows of the asset that its checks refused and that wait in its quarantine: how many, and the first as
        text, personal columns masked. UsageError when it has none.
        """
        found = wap.quarantined(self._world, self._one(asset), limit)
        return replace(found, rows=self._masked(found.rows, found.asset))

    def preview(self, asset: str, *, limit: int = 20) -> Rows:
        """The first rows that the asset's code gives now, as text, personal columns masked; writes nothing.

        AssetError when the code fails, or an input was never published.
        """
        key = self._one(asset)
        return self._masked(wap.compute(self._world, key, limit, _to_stderr), key)

    def doctor(self) -> tuple[Finding, ...]:
        """What is well and what is wrong with this machine and this lake; repairs nothing."""
        return (*diagnosis.examine_machine(), *diagnosis.examine_lake(self._patient()))

    def relocate(self) -> tuple[AssetKey, ...]:
        """Give the tables of a moved or copied lake their new place; those done. All or nothing."""
        return diagnosis.relocate(self._patient())

    def settings(self) -> tuple[Setting, ...]:
        """Every setting, its value without secrets, and where it came from."""
        return tuple(
            Setting(name, "" if value is None else str(value), self.sources.get(name.partition(".")[0], "default"))
            for name, value in self.configured.shown().items()
        )

    def _patient(self) -> diagnosis.Patient:
        return diagnosis.Patient(Path(self.project.root), self.configured)

    def _place(self, place: str) -> str:
        """Where the metadata of a table stands that is named by its catalog; a path starts at the root."""
        try:
            key = ExternalKey.parse(place)
        except ValueError:
            return place if "://" in place else str(Path(self.project.root) / place)
        found = self._world.externals.find([key])[key]
        if found.table is None:
            raise UsageError(found.fault, hint=found.hint)
        return found.table.version

    def _masked(self, rows: Rows, key: AssetKey) -> Rows:
        return _masked(rows, lineage.hidden_columns(self.project, self.project.assets[key]))

    def _one(self, asset: str) -> AssetKey:
        found = self.select(asset)
        if len(found) != 1:
            raise UsageError(f"{asset!r} means {len(found)} assets", hint="name one, like `silver.weather`")
        return found[0]

    def _scan(self, asset: str, ref: str, snapshot: str | None, as_of: datetime | None) -> Scan:
        table = self._table(self._one(asset))
        if as_of is not None:
            if snapshot or ref != MAIN:
                raise UsageError("ref, snapshot and as_of exclude each other", hint="give one of them")
            return self._world.catalog.scan(table, history.seen_at(table, as_of))
        return self._world.catalog.scan(table, history.find_snapshot(table, ref=ref, snapshot=snapshot))

    def _table(self, key: AssetKey) -> Table:
        table = self._world.catalog.load([key]).get(key)
        if table is None:
            raise UsageError(f"{key} was never built", hint=f"`lakeflow materialize +{key}` builds it")
        return table

    def _known(self) -> Known:
        return Known(self.project, lambda: self._standing(self._facts()))

    def _facts(self) -> Facts:
        return self._world.facts(self.project.assets)

    def _standing(self, facts: Facts) -> Standing:
        everything = tuple(self.project.assets)
        held = {key: self._waiting(table) for key, table in facts.tables.items()}
        return Standing(health(plan(self.project, facts, everything), facts, held), modified(self.project, facts))

    def _waiting(self, table: Table) -> tuple[str, ...]:
        """Runs that have a branch in this table and are not at work. A branch of no known run waits for nobody."""
        return tuple(name for name in history.open_runs(table) if self._state(name) not in {None, RunState.RUNNING})

    def _state(self, run: str) -> RunState | None:
        """None: the ledger knows no run of that whole name."""
        try:
            found = self.run(run)
        except UsageError:
            return None
        return found.state if found.id == run else None

    def _latest_unpublished(self) -> str:
        for run in self.runs():
            if run.state in UNPUBLISHED_ENDS or run.state is RunState.RUNNING:
                return run.id
        raise UsageError("no run is unpublished", hint="`lakeflow runs` lists runs")


def _masked(rows: Rows, personal: frozenset[str]) -> Rows:
    hidden = [name.lower() in personal for name in rows.columns]
    values = tuple(
        tuple(MASK if hide and value is not None else value for hide, value in zip(hidden, row, strict=True))
        for row in rows.values
    )
    return replace(rows, values=values)
