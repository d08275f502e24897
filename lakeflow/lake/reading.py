"""A project that was opened for looking: what there is, how it stands, what would be done. Changes nothing.

What opens the catalog is imported when somebody asks for it: half a second, which `list` need not pay.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from lakeflow import wap
from lakeflow.core.errors import LakeflowError, ProjectError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import CheckResult, RunRecord, RunState, waiting
from lakeflow.core.model.table import MAIN, Rows, Scan, Table
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import Plan, plan
from lakeflow.core.plan.readmission import Quarantined
from lakeflow.core.settings.settings import Settings
from lakeflow.core.view import history, lineage
from lakeflow.core.view.audits import Inspected, recorded
from lakeflow.core.view.consistency import undefined
from lakeflow.core.view.findings import Finding
from lakeflow.core.view.health import by_urgency, health, modified
from lakeflow.core.view.rows import AssetStatus, LineageNode, Setting, SnapshotRow
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select, spelled

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation

    from lakeflow.lake import diagnosis

MASK: Final = "•••"
_MANY_RUNS: Final = 200


def _to_stderr(lines: tuple[str, ...]) -> None:
    """What code prints while somebody looks at it."""
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - it is the user's print


@dataclass(frozen=True)
class ReadableLake:
    """The half of a lake that asks; `Lake` adds what acts."""

    project: Project
    configured: Settings
    sources: Mapping[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @cached_property
    def _world(self) -> wap.World:
        from lakeflow.lake import assembly, diagnosis  # noqa: PLC0415 - what only looks opens no catalog

        world = assembly.assemble(self.project, self.configured)
        try:
            diagnosis.refuse_unready(self._patient())
        except LakeflowError:
            world.close()
            raise
        return world

    def close(self) -> None:
        """Let go of database, engine and audit worker."""
        if world := self.__dict__.pop("_world", None):
            world.close()

    def select(self, *selection: str, exclude: str = "") -> tuple[AssetKey, ...]:
        """The assets meant and not excluded, upstreams first; all of them when nothing is said. SelectionError when
        nothing is meant.

        Opens the catalog only for `status:` and `state:`.
        """
        return select(selection, self._known(), exclude)

    def check(self, *, deep: bool = False) -> tuple[AssetKey, ...]:
        """Ask DuckDB about all SQL, which opening the lake did not: its syntax, and whether tables, columns, types and
        functions are there. The SQL assets of which that cannot be known yet, because something that they read tells
        its columns only when it runs. `deep` loads all check files too.

        ProjectError with every fault; ConfigError for an external table whose catalog no setting names.
        """
        for name in sorted({key.catalog for asset in self.project.assets.values() for key in asset.external}):
            self.configured.require_catalog(name)
        from lakeflow.lake import assembly, binding, check_files  # noqa: PLC0415 - as said above

        found = binding.bound(self.project, binding.published_tables(self._patient(), self.project))
        faults = (*assembly.syntax_faults(self.project), *found.faults)
        if deep:
            faults = (*faults, *check_files.faults(self.project, self.configured, found))
        if faults:
            raise ProjectError(faults)
        return found.unbound

    def plan(
        self,
        *selection: str,
        exclude: str = "",
        force: bool = False,
        full_refresh: bool = False,
        go_on: bool = False,
    ) -> Plan:
        """What `materialize` would do now with the same words, and why; touches nothing. SelectionError when nothing is
        meant.
        """
        chosen, said = self.select(*selection, exclude=exclude), spelled(selection, exclude)
        return wap.plan(self._world, wap.Request(chosen, said, force, refreshed=full_refresh, going_on=go_on))

    def audit(
        self, *selection: str, exclude: str = "", ref: str = MAIN, snapshot: str | None = None, history: int = 1
    ) -> tuple[Inspected, ...]:
        """What today's checks say of what stands at a ref (`audit_…`, or `held`), or of one snapshot of one asset.

        Nothing is written or recorded. With `history` the last so many snapshots of main that changed its rows, newest
        first: which of them would these checks have held? UsageError when nothing selected stands there.
        """
        return wap.audit(self._world, self.select(*selection, exclude=exclude), ref, snapshot, history)

    def failing(
        self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, limit: int = 20
    ) -> tuple[CheckResult, ...]:
        """What today's checks find of an asset, with at most `limit` of the rows that fail each; records nothing."""
        return wap.failing(self._world, self._one(asset), ref, snapshot, limit)

    def audited(self, run: str, *selection: str, exclude: str = "") -> tuple[Inspected, ...]:
        """What the audits of that run recorded; nothing is audited again."""
        keys = self.select(*selection, exclude=exclude) if selection or exclude else None
        found = self.run(run)
        tables = self._world.catalog.load([step.asset for step in found.steps])
        return tuple(one for one in recorded(found, tables) if keys is None or one.asset in keys)

    def undefined(self) -> tuple[Table, ...]:
        """The tables of the catalog that no asset defines any more."""
        return undefined(self._world.catalog.look(self._world.catalog.keys()).tables, self.project)

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """Newest first. One whose process died is abandoned, also before the next writer records that."""
        return wap.runs(self._world.ledger, lambda: self._world.ledger.runs(limit))

    def waiting(self) -> tuple[RunRecord, ...]:
        """Newest first: runs that left something unpublished which no later run took up."""
        return waiting(self.runs(_MANY_RUNS))

    def run(self, prefix: str) -> RunRecord:
        """The run whose id starts so; UsageError when none or several do."""
        return wap.runs(self._world.ledger, lambda: (self._world.ledger.run(prefix),))[0]

    def log(self, prefix: str) -> tuple[str, ...]:
        """What happened when in the run whose id starts so, a line an event; UsageError when no log of it is here."""
        from lakeflow.lake.assembly import read_log  # noqa: PLC0415 - as said above

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
        known = SelectionContext(self.project, lambda: self._standing(facts))
        trees = lineage.trees(self.project, known.standing.statuses, select(selection, known, exclude))
        return lineage.with_snapshots(trees, facts)

    def read(
        self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, as_of: datetime | None = None
    ) -> DuckDBPyRelation:
        """A lazy DuckDB relation over what readers see or saw (`as_of`), a ref (`audit_…`) or snapshot (`s4411…`).

        UsageError for an asset that was never built, and when two of the three are given. `as_of` is in UTC unless it
        knows its time zone.
        """
        found: DuckDBPyRelation = self._world.engine.relation(self._scan(asset, ref, snapshot, as_of))
        return found

    def query(self, text: str) -> DuckDBPyRelation:
        """A lazy DuckDB relation: one SELECT over assets, written `layer.name` and seen as readers see them.

        All of them are resolved in ONE catalog read: what a run published together is seen together. UsageError for
        anything but one SELECT, and for a table that is no asset or was never published.
        """
        from lakeflow.core.sql.lake_query import asked_tables  # noqa: PLC0415 - the SQL parser takes 0.2 s to import

        keys = asked_tables(self.project, text)
        tables = self._world.catalog.load(keys)
        scans = {str(key): self._published(key, tables.get(key)) for key in keys}
        found: DuckDBPyRelation = self._world.engine.query(text, scans)
        return found

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
        """The first `limit` rows as text, personal columns masked; of what `read` reads."""
        rows = self._world.engine.rows(self._scan(asset, ref, snapshot, as_of), limit)
        return self._masked(rows, self._one(asset))

    def quarantined(self, asset: str, *, limit: int = 20) -> Quarantined:
        """The rows of the asset that its checks refused and that wait in its quarantine: how many, and the first as
        text, personal columns masked. UsageError when it has none.
        """
        found = wap.quarantined(self._world, self._one(asset), limit)
        return replace(found, rows=self._masked(found.rows, found.asset))

    def preview(self, asset: str, *, limit: int = 20) -> Rows:
        """The first `limit` rows that the asset's code gives now, as text, personal columns masked; writes nothing.

        AssetError when the code fails, or an input was never published.
        """
        key = self._one(asset)
        return self._masked(wap.preview(self._world, key, limit, _to_stderr), key)

    def doctor(self, *, deep: bool = False) -> tuple[Finding, ...]:
        """What is well and what is wrong with this machine and this lake; repairs nothing. `deep` reads all data and
        compares it with what was written.
        """
        from lakeflow.lake import diagnosis  # noqa: PLC0415 - as said above

        look = diagnosis.DEEP_LOOK if deep else diagnosis.LOOK
        return (*diagnosis.examine_machine(), *diagnosis.examine_lake(self._patient(), look))

    def settings(self) -> tuple[Setting, ...]:
        """Every setting, its value without secrets, and where it came from."""
        return shown_settings(self.configured, self.sources)

    def _patient(self) -> diagnosis.Patient:
        from lakeflow.lake import diagnosis  # noqa: PLC0415 - as said above

        return diagnosis.Patient(Path(self.project.root), self.configured)

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

    def _published(self, key: AssetKey, table: Table | None) -> Scan:
        if table is None or table.main is None:
            raise UsageError(f"{key} was never published", hint=f"`lakeflow materialize +{key}` builds it")
        return self._world.catalog.scan(table, table.main)

    def _known(self) -> SelectionContext:
        return SelectionContext(self.project, lambda: self._standing(self._facts()))

    def _facts(self) -> Facts:
        return self._world.facts(self.project.assets)

    def _standing(self, facts: Facts) -> LakeStatus:
        everything = tuple(self.project.assets)
        held = {key: self._waiting(table) for key, table in facts.tables.items()}
        return LakeStatus(health(plan(self.project, facts, everything), facts, held), modified(self.project, facts))

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


def shown_settings(configured: Settings, sources: Mapping[str, str]) -> tuple[Setting, ...]:
    """As a screen may show them: variables as written, no secret."""
    return tuple(
        Setting(name, "" if value is None else str(value), sources.get(name.partition(".")[0], "default"))
        for name, value in configured.shown().items()
    )


def _masked(rows: Rows, personal: frozenset[str]) -> Rows:
    hidden = [name.lower() in personal for name in rows.columns]
    values = tuple(
        tuple(MASK if hide and value is not None else value for hide, value in zip(hidden, row, strict=True))
        for row in rows.values
    )
    return replace(rows, values=values)
