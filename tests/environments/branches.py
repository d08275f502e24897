"""Tables as values that have branches of environments: refs move by the very assertions and updates of real tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.iceberg.commit.numbers import MainMove, following
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.refs import move, require, stands
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, Promote, Publish, Registration, Rollback
from lakeflow.core.model.table import MAIN, Staging, Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import Entry
from tests.memory import MemoryCatalog
from tests.memory.changes import registered


class BranchesInMemory(MemoryCatalog):
    """Its commits are recorded in a transaction of the ledger's database."""

    def __init__(self, clock: Clock, database: Database) -> None:
        super().__init__(clock)
        self._now = clock
        self._database = database

    def stage(self, table: Table, staging: Staging) -> Table:
        require(self._current(table), [stands(staging.target, staging.base)])
        seen = self.load([table.key])[table.key]
        main = {} if staging.base is None else {MAIN: staging.base}
        others = {name: at for name, at in seen.refs.items() if name != MAIN}
        self._tables[table.key] = replace(seen, refs={**others, **main})
        try:
            made = super().stage(table, staging)
        finally:
            self._tables[table.key] = seen
        mine = {staging.branch: made.refs[staging.branch]}
        return self._put(replace(made, refs={**seen.refs, **mine}, log=seen.log))

    def commit(self, changes: Sequence[Change], entry: Entry) -> Mapping[AssetKey, Table]:
        with self._lock, self._database.transaction() as transaction:
            after = {change.key: self._existing(change.key) for change in changes}
            for change in changes:
                asserted, wanted = move(after[change.key], change)
                require(after[change.key], asserted)
                after[change.key] = reduce(
                    _updated, (*wanted, *self._noted(after[change.key], change)), after[change.key]
                )
            entry.within(transaction)
            return {key: self._put(table) for key, table in after.items() if table != self._tables[key]}

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        with self._lock, self._database.transaction() as transaction:
            tables, dropped = dict(self._tables), dict(self._dropped)
            for change in changes:
                registered(tables, dropped, change)
            entry.within(transaction)
            self._tables, self._dropped = tables, dropped

    def _noted(self, table: Table, change: Change) -> tuple[u.Update, ...]:
        if not isinstance(change, Publish | Promote | Rollback) or getattr(change, "target", MAIN) != MAIN:
            return ()
        to = change.to if isinstance(change, Rollback) else change.snapshot_id
        at_ms = round(self._now().timestamp() * 1000)
        return following(None, self._tables.values(), 1).noted(table, MainMove(to, change.note), (), at_ms)


def _updated(table: Table, update: u.Update) -> Table:
    match update:
        case u.SetBranch(name, at):
            return replace(table, refs={**table.refs, name: at})
        case u.RemoveRef(name):
            return replace(table, refs={ref: at for ref, at in table.refs.items() if ref != name})
        case u.RemoveSnapshots(ids):
            return replace(table, snapshots={id_: one for id_, one in table.snapshots.items() if id_ not in ids})
        case u.SetCurrentSchema(id_):
            return replace(table, schema_id=id_)
        case u.SetProperties(properties):
            return replace(table, properties={**table.properties, **properties})
    raise AssertionError(f"no story needs {type(update).__name__}")
