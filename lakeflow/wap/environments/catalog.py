"""The catalog as an environment has it: its branches stand where main stands, and main never moves.

This is the only place that knows of both. Planning, writing, auditing and publishing ask this port and see a lake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

from lakeflow.core.environments.environment import Environment, branch_in, ref_of
from lakeflow.core.environments.shown import shown, shown_unmade, written
from lakeflow.core.errors import ConflictError, LakeError, UsageError
from lakeflow.core.model.changes import Change, Discard, Pin, Publish, Registration, Rename, Rollback, Stay, Tag, Untag
from lakeflow.core.model.table import Looked, Table

if TYPE_CHECKING:
    from datetime import datetime

    from lakeflow.core.care.garbage import Dropped
    from lakeflow.core.compact.stored import Compaction, Stored
    from lakeflow.core.intents.intent import Intent
    from lakeflow.core.intents.landed import Landed
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.layout import Layout, Partition
    from lakeflow.core.model.schema import Schema
    from lakeflow.core.model.table import Garbage, Scan, Staging, Statistics
    from lakeflow.core.ports.catalog import Catalog
    from lakeflow.core.ports.entry import Entry
    from lakeflow.core.ports.environments import EnvironmentRecords

_Read = TypeVar("_Read")
_ON_MAIN: Final = "`--env main` says that main is meant"


class EnvironmentCatalog:
    """Implements `Catalog` for one environment, on the catalog of the lake. An environment that was not made yet shows
    what it would pin: main, as it is now. So is every table shown but `these`, where they are named.
    """

    def __init__(
        self, lake: Catalog, environments: EnvironmentRecords, name: str, these: Collection[AssetKey] | None = None
    ) -> None:
        self._lake = lake
        self._environments = environments
        self._name = name
        self._ref = ref_of(name)
        self._these = these

    def seen_by(self, _reader: Callable[[], str]) -> Self:
        """It has the readers of its environment, and no others."""
        return self

    def keys(self) -> frozenset[AssetKey]:
        return self._lake.keys()

    def load(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, Table]:
        environment, found = self._untorn(partial(self._lake.load, tuple(keys)))
        return self._all(environment, found)

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        environment, found = self._untorn(partial(self._lake.look, tuple(keys)))
        tables: dict[AssetKey, Table] = {}
        broken = dict(found.broken)
        for key, table in found.tables.items():
            try:
                tables[key] = self._one(environment, table)
            except LakeError as error:
                broken[key] = error
        return Looked(tables, broken, found.places)

    def create(self, key: AssetKey, schema: Schema) -> Table:
        return self._one(self._environments.find(self._name), self._lake.create(key, schema))

    def data_directory(self, table: Table) -> str:
        return self._lake.data_directory(table)

    def scan(self, table: Table, snapshot_id: int | None) -> Scan:
        return self._lake.scan(table, snapshot_id)

    def scan_added(self, table: Table, snapshot_id: int, appends: Sequence[int]) -> Scan:
        return self._lake.scan_added(table, snapshot_id, appends)

    def scan_near(self, table: Table, snapshot_id: int, columns: Sequence[str]) -> Scan:
        return self._lake.scan_near(table, snapshot_id, columns)

    def statistics(self, table: Table, snapshot_id: int) -> Statistics | None:
        return self._lake.statistics(table, snapshot_id)

    def partitions(self, table: Table, snapshot_id: int, layout: Layout) -> Mapping[str, Partition]:
        return self._lake.partitions(table, snapshot_id, layout)

    def stored(self, table: Table, snapshot_id: int, layout: Layout) -> Stored:
        return self._lake.stored(table, snapshot_id, layout)

    def read_sidecar(self, table: Table, name: str) -> str:
        return self._lake.read_sidecar(table, name)

    def write_sidecar(self, table: Table, kind: str, text: str) -> str:
        return self._lake.write_sidecar(table, kind, text)

    def stage(self, table: Table, staging: Staging) -> Table:
        mine = replace(staging, branch=branch_in(self._name, staging.branch), target=self._ref)
        return self._shown({table.key: self._lake.stage(table, mine)})[table.key]

    def restage(self, table: Table, branch: str, base: int | None) -> Table:
        """Nobody but a command on this environment moves its branch: where that happened, the work is done again."""
        now = self.load((table.key,))[table.key]
        if now.main == base and branch in now.refs:
            return now
        raise ConflictError(
            f"{table.key}: environment {self._name} moved under branch {branch}",
            hint="`lakeflow retry RUN` writes it again on what is there now",
            asset=table.key,
        )

    def compact(self, table: Table, compaction: Compaction) -> Table:
        raise _refused(self._name, f"{table.key} is compacted on main: {compaction.branch} moves its very files")

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        self._require_bases(changes)
        self._require_goals([change for change in changes if isinstance(change, Rollback)])
        mine = [self._mine(change) for change in changes]
        return self._shown(self._lake.commit(mine, entry.about(mine)))

    def inspect(self, key: AssetKey, place: str) -> Table:
        return self._lake.inspect(key, place)

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        names = ", ".join(str(change.key) for change in changes)
        new = " ".join(str(change.to) for change in changes if isinstance(change, Rename))
        hint = f"`lakeflow materialize --env main {new}` gives it the other name" if new else _ON_MAIN
        raise _refused(self._name, f"tables come, go and get other names for all readers ({names})", hint)

    def landed(self, intent: Intent) -> Landed:
        return self._lake.landed(intent)

    def fence(self, intent: Intent) -> None:
        self._lake.fence(intent)

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        return self._lake.garbage(key, before)

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        return self._lake.remains(dropped, before)

    def collect(self, garbage: Garbage) -> None:
        self._lake.collect(garbage)

    def _require_bases(self, changes: Sequence[Change]) -> None:
        """A branch that is not there yet stands on what is pinned now, and nothing else may be put on it."""
        bases = {change.key: change.base for change in changes if isinstance(change, Publish)}
        for key, table in self.load(bases).items():
            if table.main != bases[key]:
                raise ConflictError(
                    f"{key}: environment {self._name} reads another snapshot since this was written",
                    hint="nothing was changed; `lakeflow retry RUN` plans again on what is there now",
                    asset=key,
                )

    def _require_goals(self, changes: Sequence[Rollback]) -> None:
        """What it has pinned of main it can go back to, and no further: from there nothing could ever be promoted."""
        environment = self._environments.find(self._name)
        if not changes or environment is None:
            return
        tables = self._lake.load(change.key for change in changes)
        for change in changes:
            table = tables[change.key]
            own = {snapshot.id for snapshot in written(table, environment)}
            if change.to not in {environment.base(table), *own}:
                refresh = f"`lakeflow env refresh {self._name}` then reads it here"
                raise _refused(self._name, f"{change.key} would be behind main", f"{_ON_MAIN}; {refresh}")

    def _mine(self, change: Change) -> Change:
        match change:
            case Publish():
                return replace(change, branch=branch_in(self._name, change.branch), target=self._ref)
            case Discard():
                return replace(change, branch=branch_in(self._name, change.branch))
            case Rollback() | Pin() | Stay():
                return replace(change, target=self._ref)
            case Tag() | Untag():
                raise _refused(self._name, "a tag names what readers of main see")
        return change

    def _untorn(self, read: Callable[[], _Read]) -> tuple[Environment | None, _Read]:
        """What is read of the tables, and the environment to which it belongs: it may be promoted, refreshed or
        dropped meanwhile.
        """
        environment = self._environments.find(self._name)
        while True:
            found, before = read(), environment
            environment = self._environments.find(self._name)
            if _pinned(environment) == _pinned(before):
                return environment, found

    def _shown(self, tables: Mapping[AssetKey, Table]) -> dict[AssetKey, Table]:
        return self._all(self._environments.find(self._name), tables)

    def _all(self, environment: Environment | None, tables: Mapping[AssetKey, Table]) -> dict[AssetKey, Table]:
        return {key: self._one(environment, table) for key, table in tables.items()}

    def _one(self, environment: Environment | None, table: Table) -> Table:
        if environment is None or (self._these is not None and table.key not in self._these):
            return shown_unmade(table, self._name)
        return shown(table, environment)


def _pinned(environment: Environment | None) -> tuple[datetime, datetime] | None:
    return None if environment is None else (environment.made_at, environment.pinned_at)


def _refused(name: str, why: str, hint: str = _ON_MAIN) -> UsageError:
    return UsageError(f"environment {name} cannot do that: {why}", hint=hint)
