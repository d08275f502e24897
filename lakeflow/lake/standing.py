"""`StandingLake`, an open lake and how its assets stand: what would be done, what checks say, which runs there were.
Changes nothing.

Code that opens the catalog is imported when it is first needed: that takes half a second, which `list` need not pay.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from lakeflow import wap
from lakeflow.core.errors import LakeflowError, ProjectError, SchemaError, UsageError
from lakeflow.core.listings import Runs, Statuses
from lakeflow.core.model.run import RunRecord, waiting
from lakeflow.core.model.table import MAIN
from lakeflow.core.plan.planning import Plan, plan
from lakeflow.core.run.leases import AtWork, at_work
from lakeflow.core.values import dataclass
from lakeflow.core.view.consistency import UndefinedTable, not_defined, undefined
from lakeflow.core.view.freshness import Newest, columns_asked, deadlines
from lakeflow.core.view.health import with_health
from lakeflow.core.view.rows import Setting
from lakeflow.core.view.selection import LakeStatus, SelectionContext, select, spelled
from lakeflow.core.view.state import asset_states, by_urgency, modified, with_rests
from lakeflow.core.wording import counted
from lakeflow.wap.look.runs import waiting_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from lakeflow.core.expected.outcome import ExampleResult
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.asset import Project
    from lakeflow.core.model.check import DeclaredCheck
    from lakeflow.core.plan.facts import Facts
    from lakeflow.core.serve.view import Outlook
    from lakeflow.core.settings.settings import Settings
    from lakeflow.core.view.audited.audits import Inspected
    from lakeflow.core.view.audited.standing_audit import StandingAudit
    from lakeflow.core.view.findings import Finding
    from lakeflow.lake import diagnosis

_MANY_RUNS: Final = 200


def to_stderr(lines: tuple[str, ...]) -> None:
    """Print to stderr what is said beside the answer."""
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201 - it is for the user


@dataclass(frozen=True, repr=False)
class StandingLake:
    """How a lake stands. `TryingLake` adds what its code would give."""

    project: Project
    configured: Settings
    sources: Mapping[str, str]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.project.root!r}, {counted(len(self.project.assets), 'asset')})"

    def _repr_html_(self) -> str | None:
        """What IPython asks for: how the assets stand, or why that cannot be said."""
        from lakeflow.as_html.values import OpenLake, html  # noqa: PLC0415 - only a notebook asks

        root = self.project.root
        try:
            return html(OpenLake(Path(root).name, root, self.status()))
        except LakeflowError as error:
            return html(OpenLake(Path(root).name, root, Statuses(), error.message))

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
            return self._told(self._entered(world))
        except BaseException:
            world.close()
            raise

    def _entered(self, world: wap.World) -> wap.World:
        """The world of the environment that the settings name; the world itself, which is main's, where they name
        none.
        """
        from lakeflow.lake.keeping.environments import environment_meant  # noqa: PLC0415 - as in `_world`

        name = environment_meant(self.configured, Path(self.project.root))
        if not name:
            return world
        assert world.environments is not None, "a lake records its environments"
        if world.environments.find(name) is None:
            to_stderr((f"! environment {name} is not made yet: it would begin as readers of main see the lake now",))
        return world.within(name)

    def _told(self, world: wap.World) -> wap.World:
        """The world; where its ledger is lost, with what the tables know in its place, to be looked at alone."""
        lost = world.ledger.lost()
        if not lost:
            return world
        from lakeflow.lake import rescue  # noqa: PLC0415 - few lakes have lost their ledger

        told = replace(world, ledger=rescue.told_by_tables(self._patient(), lost))
        to_stderr(("! the ledger is lost; this is what the tables know: `lakeflow doctor --rebuild-ledger` keeps it",))
        return told

    def with_project(self, project: Project) -> Self:
        """The lake with other files of its project, in place of this one: what was read of its tables stays read."""
        changed = replace(self, project=project)
        if world := self.__dict__.get("_world"):
            changed.__dict__["_world"] = world.with_project(project)  # until it is made, this lake is there to close
            del self.__dict__["_world"]
        return changed

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
        """Let DuckDB check all SQL: its syntax, and whether tables, columns, types and functions exist.

        Returns the SQL assets that cannot be checked yet, because they read something whose columns only a run tells.
        `deep` loads all check files too.

        ProjectError with every fault; ConfigError for an external table whose catalog no setting names, and for alerts
        that select nothing or whose address cannot be read.
        """
        for name in sorted({key.catalog for asset in self.project.assets.values() for key in asset.external}):
            self.configured.require_catalog(name)
        from lakeflow.lake.telling.alerts import check_alerts  # noqa: PLC0415 - as said above

        check_alerts(self.project, self.configured)
        if self.configured.otel:
            from lakeflow.adapters.otel import require_installed  # noqa: PLC0415 - as said above

            require_installed()
        from lakeflow.lake import assembly, binding, check_files  # noqa: PLC0415 - as said above

        found = binding.bound(self.project, binding.published_tables(self._patient(), self.project))
        faults = (*assembly.syntax_faults(self.project), *found.faults)
        if deep:
            faults = (*faults, *check_files.faults(self.project, self.configured, found))
        if faults:
            raise ProjectError(faults)
        return found.unbound

    def checks(self, *selection: str, exclude: str = "") -> Mapping[AssetKey, tuple[DeclaredCheck, ...]]:
        """The checks that an audit of each selected asset runs, as its results name them. Loads check files; reads no
        data.

        AssetError for a file that ends the process that loads it.
        """
        from lakeflow.lake import binding, check_files  # noqa: PLC0415 - as said above

        keys = self.select(*selection, exclude=exclude)
        found = binding.bound(self.project, binding.published_tables(self._patient(), self.project))
        return check_files.declared(self.project, self.configured, found, keys)

    def test(self, *selection: str, exclude: str = "") -> tuple[ExampleResult, ...]:
        """Run the selected assets' examples: their code on the rows that are given, in one DuckDB, compared exactly.

        Nothing of the lake is read or written. What comes otherwise, or not at all, is a result, not an error.
        """
        from lakeflow.lake.trial import examples  # noqa: PLC0415 - as said above

        return examples.run(self.project, self.configured, self.select(*selection, exclude=exclude))

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
        """What today's checks say of the snapshots at a ref (`main`, `audit_…` or `held`), or of one snapshot of one
        asset.

        Nothing is written or recorded. With `history`, as many of the last snapshots of main that changed rows, newest
        first: which of them would these checks have held? UsageError when nothing selected stands there.
        """
        return wap.audit(self._world, self.select(*selection, exclude=exclude), ref, snapshot, history)

    def audited(self, run: str, *selection: str, exclude: str = "") -> tuple[Inspected, ...]:
        """What the audits of that run recorded; nothing is audited again."""
        from lakeflow.core.view.audited.audits import recorded  # noqa: PLC0415 - as said above

        keys = self.select(*selection, exclude=exclude) if selection or exclude else None
        found = self.run(run)
        tables = self._world.catalog.load([step.asset for step in found.steps])
        return tuple(one for one in recorded(found, tables) if keys is None or one.asset in keys)

    def undefined(self) -> tuple[UndefinedTable, ...]:
        """The tables of the catalog that no asset defines any more, also those that cannot be read."""
        catalog = self._world.catalog
        return undefined(catalog.look(not_defined(catalog.keys(), self.project)))

    def runs(self, limit: int = 50) -> Runs:
        """The last runs, newest first. A run whose process died is shown as abandoned, also before a writer records
        that.
        """
        return Runs(wap.runs(self._world.ledger, lambda: self._world.ledger.runs(limit)))

    def waiting(self, *selection: str, exclude: str = "") -> Runs:
        """Runs that left something unpublished which no later run took up, newest first; of these assets, or of all."""
        found = waiting(self.runs(_MANY_RUNS))
        if not selection and not exclude:
            return Runs(found)
        return Runs(run for run in found if run.left & set(self.select(*selection, exclude=exclude)))

    def unpublished(self, *selection: str, exclude: str = "") -> Runs:
        """Every run that left one of these assets unpublished, newest first, also where a later one took it up."""
        keys = self.select(*selection, exclude=exclude)
        found = wap.runs(self._world.ledger, lambda: self._world.ledger.unpublished(keys))
        every = {run.id: run for run in (*found, *self.waiting(*selection, exclude=exclude))}
        return Runs(run for run in every.values() if run.left & set(keys))

    def at_work(self) -> tuple[AtWork, ...]:
        """The runs that are at work now: whose, where, since when, and on which assets."""
        standing = self._world.ledger.standing()
        return at_work(self._world.ledger.runs(_MANY_RUNS), standing) if standing.held else ()

    def run(self, prefix: str) -> RunRecord:
        """The run whose id starts with `prefix`. UsageError when no run's does, or several do."""
        return wap.runs(self._world.ledger, lambda: (self._world.ledger.run(prefix),))[0]

    def marked(self, *runs: RunRecord) -> tuple[RunRecord, ...]:
        """The runs, newest first as given. Where a published step was built on what was rolled back since, its reason
        says so.
        """
        return wap.marked(self._world, runs)

    def run_log(self, prefix: str) -> tuple[str, ...]:
        """The log of the run whose id starts with `prefix`, a line for each event. UsageError when this machine has no
        log of it.
        """
        from lakeflow.lake.assembly import read_log  # noqa: PLC0415 - as said above

        run = self.run(prefix).id
        lines = read_log(self.project, self.configured, run)
        if lines is None:
            raise UsageError(f"run {run} has no log here", hint=f"`lakeflow runs {run}` shows what became of it")
        return lines

    def status(self, *selection: str, exclude: str = "") -> Statuses:
        """How the selected assets stand. Those that need a decision come first."""
        known = self._known()
        chosen = by_urgency([known.standing.statuses[key] for key in select(selection, known, exclude)])
        return Statuses(chosen, known.standing.waiting)

    def standing_audit(self, asset: str) -> StandingAudit | None:
        """Whether what readers see of an asset was audited: by which checks, when, by whom, and on which code.

        None while readers see nothing.
        """
        from lakeflow.core.view.audited.standing_audit import standing_audit  # noqa: PLC0415 - as said above

        key = self._one(asset)
        table = self._world.catalog.load([key]).get(key)
        if table is None or table.main is None:
            return None
        verdicts = self._world.ledger.latest({key: [table.main]}).get(key, ())
        return standing_audit(table, verdicts, self._run_if_known)

    def _run_if_known(self, run: str) -> RunRecord | None:
        try:
            return self.run(run)
        except UsageError:
            return None

    def look(self) -> Outlook:
        """Everything that `serve` decides by, of one moment: the plan of all assets, how they stand, the last runs."""
        from lakeflow.core.care.set_aside import set_aside  # noqa: PLC0415 - as said above
        from lakeflow.core.serve.view import Outlook  # noqa: PLC0415 - only who serves needs it

        facts, everything = self._facts(), tuple(self.project.assets)
        planned, runs = plan(self.project, facts, everything), self.runs(_MANY_RUNS)
        due = set_aside(self.project, facts, planned, all_or_nothing=False)
        return Outlook(self.project, facts, due, self._judged(facts, planned, runs).statuses, runs)

    def doctor(self, *, deep: bool = False) -> tuple[Finding, ...]:
        """What is right and what is wrong with this machine and this lake. Repairs nothing. `deep` reads all data and
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

    def _one(self, asset: str) -> AssetKey:
        found = self.select(asset)
        if len(found) != 1:
            raise UsageError(f"{asset!r} means {len(found)} assets", hint="name one, like `silver.weather`")
        return found[0]

    def _known(self) -> SelectionContext:
        return SelectionContext(self.project, lambda: self._standing(self._facts()))

    def _facts(self) -> Facts:
        return wap.gather(self._world, self.project.assets)

    def _standing(self, facts: Facts) -> LakeStatus:
        return self._judged(facts, plan(self.project, facts, tuple(self.project.assets)), self.runs(_MANY_RUNS))

    def _judged(self, facts: Facts, planned: Plan, runs: Runs) -> LakeStatus:
        """How all assets stand, by the plan of all of them and the last runs."""
        held = {key: waiting_in(self._world.ledger, table) for key, table in facts.tables.items()}
        states = asset_states(planned, facts, held)
        due = deadlines(self.project, facts, self._newest(facts))
        audits = wap.last_audits(self._world, facts)
        states = with_rests(states, wap.rested(self._world, facts.tables))
        left = waiting(runs)
        return LakeStatus(with_health(states, facts, due, left, audits), modified(self.project, facts), left)

    def _newest(self, facts: Facts) -> Mapping[AssetKey, Newest]:
        """How new the data is of each published asset that is to be fresh by a column. Only such a one opens the
        engine.
        """
        found: dict[AssetKey, Newest] = {}
        for key, column in columns_asked(self.project).items():
            table = facts.tables.get(key)
            if table is None or table.main is None or key in facts.broken:
                continue
            try:
                scan = self._world.catalog.scan(table, table.main)
                found[key] = Newest(self._world.engine.newest(scan, column, facts.now))
            except SchemaError as error:
                found[key] = Newest(fault=str(error))
            except LakeflowError as error:
                found[key] = Newest(fault=str(error), unreadable=True)
        return found


def shown_settings(configured: Settings, sources: Mapping[str, str]) -> tuple[Setting, ...]:
    """The settings as a screen may show them: variables as they are written, and no secret."""
    return tuple(
        Setting(name, "" if value is None else str(value), sources.get(name.partition(".")[0], "default"))
        for name, value in configured.shown().items()
    )
