"""`ReadableLake`, a lake opened to look at it: what is in its tables, was in them, and where it came from. Changes
nothing.

Code is imported by the method that needs it: a command asks one question, and waits for no other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from lakeflow import wap
from lakeflow.core.errors import UsageError
from lakeflow.core.listings import Comparisons, Lineage, Snapshots
from lakeflow.core.model.table import MAIN, Rows, Scan, Table
from lakeflow.core.plan.planning import Plan
from lakeflow.core.values import dataclass
from lakeflow.core.view import history, lineage
from lakeflow.core.view.rows import RowFilter
from lakeflow.core.view.selection import SelectionContext, select
from lakeflow.lake.trying import TryingLake
from lakeflow.wap.look.runs import with_waiting_branches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from lakeflow.core.care.tags import Tagged
    from lakeflow.core.columns.graph import ColumnGraph, ColumnLineage
    from lakeflow.core.compare.comparison import Comparison
    from lakeflow.core.errors import Fault
    from lakeflow.core.export.exported import Exported
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.log.impact import Impact
    from lakeflow.core.model.run import CheckResult
    from lakeflow.core.plan.readmission import Quarantined
    from lakeflow.core.readers.lines import Reader
    from lakeflow.core.review.change import Changes
    from lakeflow.core.review.review import Review
    from lakeflow.core.verify.values import Verification
    from lakeflow.lake.environments.handle import Environments


_MANY_RUNS: Final = 200


@dataclass(frozen=True, repr=False)
class ReadableLake(TryingLake):
    """The part of a lake that only reads; `Lake` adds the methods that change something."""

    def failing(
        self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, limit: int = 20
    ) -> tuple[CheckResult, ...]:
        """What today's checks find of an asset, with at most `limit` of the rows that fail each; records nothing."""
        return wap.failing(self._world, self._one(asset), ref, snapshot, limit)

    def tags(self) -> tuple[Tagged, ...]:
        """All tags by name, each with the snapshot that it names in each table."""
        return wap.tags(self._world)

    def snapshots(self, asset: str) -> Snapshots:
        """The snapshots of one asset, newest first: open branches, then main and its ancestors."""
        key = self._one(asset)
        table = self._world.catalog.load([key]).get(key)
        verdicts = self._world.ledger.verdicts([key]).get(key, ()) if table else ()
        return Snapshots(history.history(table, verdicts) if table else ())

    def verify(self, *selection: str, exclude: str = "", deep: bool = False) -> Verification:
        """Whether what readers of main see and saw is what was audited: a valid proof for each snapshot, every file
        there, each record of the ledger as the table says. `deep` opens every file of live snapshots as well.

        All tables of the catalog, or the selected assets. A lake whose ledger is gone is judged by the tables alone.
        """
        from lakeflow.core.verify.values import Depth  # noqa: PLC0415 - as said above

        keys = self.select(*selection, exclude=exclude) if selection or exclude else None
        return wap.verify(self._world, keys, Depth.CONTENT if deep else Depth.SIZES)

    def log(
        self,
        *selection: str,
        exclude: str = "",
        since: datetime | str | None = None,
        limit: int = 20,
        code: bool = False,
    ) -> wap.Log:
        """The versions of the lake, newest first: what each changed in the selected assets, or in any table, and why.

        `since` is a time, a version (`v12`), a run, a tag or a snapshot (`s4411…`): only what came after it. With
        `code` the lines that changed in code are told, where its text is kept. The tables tell all else; the ledger is
        not asked. UsageError for a moment that nobody can name.
        """
        keys = frozenset(self.select(*selection, exclude=exclude)) if selection or exclude else None
        return wap.log(self._world, keys, since, limit, code=code)

    def impact(self, snapshot: str) -> Impact:
        """Every snapshot, live or past, in every table, that rests on one: `silver.a@s4411`, or `@` a version, a run, a
        tag, a time or a branch; an asset alone means what readers see of it.

        The tables tell it, and of snapshots that have expired the ledger. UsageError for a snapshot that nobody knows,
        LakeError where a table cannot be read, for it might rest on it.
        """
        return wap.impact(self._world, snapshot)

    def repair(self, found: Impact) -> Plan:
        """The plan that makes anew what readers see and what rests on the snapshot; touches nothing. It is made from
        nothing where a table keeps rows of before, because a new write would keep these too.
        """
        from lakeflow.core.log.impact import to_repair  # noqa: PLC0415 - as said above

        keys, anew = to_repair(found, self.project)
        if not keys:
            return Plan((), total=len(self.project.assets))
        return self.plan(*map(str, keys), force=not anew, full_refresh=anew)

    def lineage(self, *selection: str, exclude: str = "") -> Lineage:
        """One tree for each selected asset from which no other selected asset is made."""
        facts = self._facts()
        known = SelectionContext(self.project, lambda: self._standing(facts))
        trees = lineage.trees(self.project, known.standing.statuses, select(selection, known, exclude))
        return Lineage(lineage.with_snapshots(trees, facts))

    def drawn(self, form: Literal["svg", "mermaid", "dot", "openlineage"], *selection: str, exclude: str = "") -> str:
        """The lineage of the selected assets as a text that others show or read: what `lineage` says, in lanes.

        `svg` stands alone or in a page. `openlineage` is a JSON array of job events with schema and column lineage.
        """
        from lakeflow.core.drawing.drawing import drawing_of  # noqa: PLC0415 - as said above
        from lakeflow.core.drawing.forms import DRAWINGS  # noqa: PLC0415 - as said above
        from lakeflow.core.drawing.openlineage import openlineage_of  # noqa: PLC0415 - as said above

        trees = self.lineage(*selection, exclude=exclude)
        if form == "openlineage":
            name, at = Path(self.project.root).name, datetime.now(UTC)
            return openlineage_of(self.project, self._column_graph(), lineage.assets_of(trees), name, at)
        return DRAWINGS[form](drawing_of(trees))

    def column_lineage(self, *columns: str) -> ColumnLineage:
        """What columns are derived from, however far above, and what is derived from them. Each is `layer.name.column`,
        or `layer.name` for all columns of an asset; every column of the lake where none is named.

        UsageError for an unknown asset or column, and for an asset whose columns are not known.
        """
        from lakeflow.core.columns.graph import named_column  # noqa: PLC0415 - as said above

        graph = self._column_graph()
        named = [(str(self._one(asset)), column) for asset, column in map(named_column, columns)]
        every = named or [(table, "") for table, found in graph.tables.items() if found.columns]
        return graph.around([ref for table, column in dict.fromkeys(every) for ref in graph.asked(table, column)])

    def _column_graph(self) -> ColumnGraph:
        from lakeflow.lake.column_lineage import column_graph  # noqa: PLC0415 - DuckDB binds all SQL for it

        facts = self._facts()
        return column_graph(self.project, facts.tables, facts.externals)

    def read(
        self, asset: str, *, ref: str = MAIN, snapshot: str | None = None, as_of: datetime | str | None = None
    ) -> DuckDBPyRelation:
        """A lazy DuckDB relation over an asset: what readers see, or saw at `as_of` (as in `query`), or a ref
        (`audit_…`), or a snapshot (`s4411…`).

        UsageError for an asset that was never built, and when two of the three are given. `as_of` is in UTC unless it
        knows its time zone.
        """
        found: DuckDBPyRelation = self._world.engine.relation(self._scan(asset, ref, snapshot, as_of))
        return found

    def diff(self, asset: str, between: str = "", *, where: str = "", rows: int = 5) -> Comparison:
        """How an asset differs between two of its states, `A..B`: refs (`main`, `held`, `audit_…`, a tag), snapshots
        (`s4411…`), times (`7d`, a date, `now`), versions (`v12`) or runs. Without them, what waits for a decision
        against what readers see, or what they see against what they saw before.

        Rows are told apart by the asset's key; without one, by all their values. Floats are equal where they are the
        same number. `where` is a condition on the rows of both sides, and at most `rows` of each kind are shown as
        text, personal columns masked. UsageError for a state that is not there, and for a condition that is none or
        names a personal column.
        """
        return wap.diff(self._world, self._one(asset), between, wap.Shown(where, rows))

    def diff_run(self, run: str, *, where: str = "", rows: int = 5) -> Comparisons:
        """How each table that a run wrote differs: what it holds from what readers see, what it published from what
        they saw before. UsageError when nothing of it is left.
        """
        return Comparisons(wap.diff_run(self._world, run, wap.Shown(where, rows)))

    def review(self, planned: Plan) -> Review:
        """A plan with what a reviewer asks of it: rows that readers see now, how what runs hold differs from that, with
        a few rows, and which checks failed. Looks only; personal columns are masked.
        """
        from lakeflow.lake.reviewing.plan import reviewed  # noqa: PLC0415 - few are asked for a comment

        return reviewed(self, self._world.catalog, planned)

    def against(self, ref: str = MAIN, *, faults: Sequence[Fault] = ()) -> Changes:
        """What the project's files change against what main holds, and what breaks by it: nothing is built, and no data
        is opened. `faults` are those that `check` found. Another ref is git's (`HEAD~1`, `origin/main`, a tag): then
        the files are held against those of that commit, and no table is needed. UsageError for a ref that git does not
        know.
        """
        if ref != MAIN:
            from lakeflow.lake.reviewing.commit import against_commit  # noqa: PLC0415 - as said above

            return against_commit(self.project, self._patient(), ref, faults)
        from lakeflow.lake.reviewing.against import against  # noqa: PLC0415 - as said above

        undefined = [each.key for each in self.undefined()]
        return against(self.project, self._facts(), self._world.ledger, undefined, faults)

    def query(
        self,
        text: str,
        *,
        ref: str = MAIN,
        as_of: datetime | str | None = None,
        personal: Literal["shown", "masked"] = "shown",
    ) -> DuckDBPyRelation:
        """A lazy DuckDB relation over one SELECT, in which assets are named `layer.name`.

        All of them are read at one moment: now, or what readers saw at `as_of`: a time, a run (its id: what it left) or
        a tag; or a run's branches (`audit_…`, `held`) over main. They are resolved in ONE catalog read, so what a run
        published together is seen together. `masked` shows of personal values only that they are there.

        UsageError for anything but one SELECT, for a table that is no asset or was not published then, and when `ref`
        and `as_of` are both given.
        """
        found: DuckDBPyRelation = wap.query(self._world, text, ref, as_of, personal)
        return found

    def export(
        self,
        *selection: str,
        to: str | Path,
        ref: str = MAIN,
        as_of: datetime | str | None = None,
        personal: Literal["shown", "masked"] = "masked",
        exclude: str = "",
    ) -> Exported:
        """Copy assets to a folder of Parquet files, or to one DuckDB file where `to` ends with `.duckdb`; all of one
        moment, as in `query`. What an earlier export wrote there is replaced at once, when all of the new is written.

        UsageError where something else stands there, and for a selected asset that was not published then. Without a
        selection all assets go that readers saw.
        """
        from lakeflow.core.export.exported import ExportRequest  # noqa: PLC0415 - as said above

        named = self.select(*selection, exclude=exclude) if selection or exclude else None
        return wap.export(self._world, ExportRequest(str(Path(to).absolute()), named, ref, as_of, personal))

    def connect(self, *, ref: str = MAIN, as_of: datetime | str | None = None) -> DuckDBPyConnection:
        """A DuckDB connection in which every asset that was published then is a view, `layer.name`; all of one moment,
        as in `query`. It lives as long as the lake is open.
        """
        found: DuckDBPyConnection = wap.connect(self._world, ref, as_of)
        return found

    @property
    def environments(self) -> Environments:
        """The environments of the lake. UsageError where this lake is open in one of them."""
        from lakeflow.lake.environments.handle import Environments, of_main  # noqa: PLC0415 - as said above

        return Environments(self.configured, lambda: of_main(self.configured, self.project, self._world))

    def columns(self) -> Mapping[AssetKey, tuple[str, ...]]:
        """The columns of each asset that readers see, in the table's order."""
        return wap.columns(self._world)

    def interrupt(self) -> None:
        """End the queries of this lake that run in other threads, which then raise whatever DuckDB raises."""
        self._world.engine.interrupt()

    def snapshot_at(self, asset: str, moment: datetime | str) -> int:
        """The snapshot that readers of main saw at that moment (as `as_of` of `query`), also one that was rolled back
        later.

        A time is in UTC unless it has a time zone. UsageError before the first publish, and where the snapshots of
        that time have expired.
        """
        return wap.snapshot_at(self._world, self._one(asset), moment)

    def how_to_read(self, asset: str, reader: Reader | str) -> str:
        """The lines that read the table of an asset in another engine, with the real names: `spark`, `trino`,
        `snowflake`, `dremio`, `duckdb`, `pyiceberg` or `polars`. Variables of the settings stay as written, and no
        secret is shown.

        UsageError in an environment, where readers see nothing of it yet, and where the engine cannot read such a lake.
        """
        from lakeflow.core.readers import lines, place  # noqa: PLC0415 - few ask for them
        from lakeflow.lake.keeping.environments import refuse_environment  # noqa: PLC0415 - as above

        key = self._one(asset)
        refuse_environment(self.configured, Path(self.project.root), f"the lines for other engines read main of {key}")
        table = self._world.catalog.load([key]).get(key)
        if table is None or table.main is None:
            raise UsageError(f"readers see nothing of {key} yet", hint=f"`lakeflow materialize +{key}` builds it")
        where = place.place_of(self.configured, self.project.root)
        return lines.lines_for(lines.Reader(reader), lines.TableRead(key, where, table.version))

    def show(  # noqa: PLR0913 - keyword-only words of the command line
        self,
        asset: str,
        *,
        ref: str = MAIN,
        snapshot: str | None = None,
        as_of: datetime | str | None = None,
        where: str = "",
        order_by: str = "",
        columns: Sequence[str] = (),
        limit: int = 20,
    ) -> Rows:
        """The first `limit` rows as text, personal columns masked; of what `read` reads. `where` is a condition and
        `order_by` a list of columns, as in SQL; UsageError where they are more, or name a personal column.
        """
        from lakeflow.wap.look.show import masked  # noqa: PLC0415 - as said above

        key, scan = self._one(asset), self._scan(asset, ref, snapshot, as_of)
        hidden = lineage.hidden_columns(self.project, self.project.assets[key])
        asked = RowFilter(where, order_by, tuple(columns))
        return masked(wap.show(self._world, scan, asked, hidden, limit), hidden)

    def quarantined(self, asset: str, *, limit: int = 20) -> Quarantined:
        """The refused rows that wait in the asset's quarantine: how many, and the first of them as text, with personal
        columns masked.

        UsageError when the asset has no quarantine.
        """
        found = wap.quarantined(self._world, self._one(asset), limit)
        return replace(found, rows=self._masked(found.rows, found.asset))

    def _scan(self, asset: str, ref: str, snapshot: str | None, as_of: datetime | str | None) -> Scan:
        table = self._table(self._one(asset))
        if ref == history.HELD:
            table = with_waiting_branches(self._world.ledger, table)
        if as_of is not None:
            if snapshot or ref != MAIN:
                raise UsageError("ref, snapshot and as_of exclude each other", hint="give one of them")
            return self._world.catalog.scan(table, self.snapshot_at(asset, as_of))
        return self._world.catalog.scan(table, history.find_snapshot(table, ref=ref, snapshot=snapshot))

    def _table(self, key: AssetKey) -> Table:
        table = self._world.catalog.load([key]).get(key)
        if table is None:
            raise UsageError(f"{key} was never built", hint=f"`lakeflow materialize +{key}` builds it")
        return table
