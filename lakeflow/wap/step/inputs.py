"""What a step reads of its inputs: pinned snapshots, or only the new rows of an incremental input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lakeflow.core.keys import EMPTY, TableKey
from lakeflow.core.model.asset import Asset, OnRewrite
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.model.write_mode import ANEW
from lakeflow.core.plan.increments import Consumption, Increment, consumption, positions
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.readmission import as_readmission
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.plan.scd2_rebuilds import is_dated_by_runs
from lakeflow.core.ports import Catalog
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.readmitting import is_planned_so, waiting_rows


@dataclass(frozen=True)
class PinnedInputs:
    """The pinned inputs of one write. `rebuilds` says that they hold all rows, and that what stood there goes.

    `since` names the snapshot behind which each incremental input was read. `waits` says why a person must decide
    first; then the step reads nothing. `readmission` is the asset that reads its quarantine in place of its inputs.
    `guarded` says that nobody asked for the rebuild, so it must not lose a version of an scd2 table.
    """

    scans: Mapping[TableKey, Scan] = EMPTY
    since: Mapping[str, int] = EMPTY
    rebuilds: bool = False
    waits: str = ""
    readmission: Asset | None = None
    guarded: bool = False

    def treats(self, asset: Asset) -> Asset:
        """The asset as this write treats it: a rebuild replaces what stood there."""
        return self.readmission or (replace(asset, write=ANEW) if self.rebuilds else asset)


def read_inputs(attempt: Attempt, step: Step) -> PinnedInputs:
    """The inputs that the plan names, at the snapshots that are pinned now: an upstream may have run since the plan was
    made.
    """
    asset = attempt.asset(step.asset)
    if is_planned_so(step):
        return _readmission(attempt, asset)
    causes = {reason.cause for reason in step.reasons}
    if waits := next((reason.after for reason in step.reasons if reason.cause is Cause.WAITS), ""):
        return PinnedInputs(waits=waits)
    if causes & {Cause.FULL_REFRESH, Cause.REBUILD} and (Cause.FULL_REFRESH in causes or step.base_id is not None):
        guarded = asset.write.traits.versioned and Cause.FULL_REFRESH not in causes
        return PinnedInputs(attempt.inputs(asset), rebuilds=True, guarded=guarded)
    if not asset.new_rows or step.base_id is None:
        return PinnedInputs(attempt.inputs(asset))
    return _increments(attempt, asset, _came(attempt, asset), goes_on=Cause.GOES_ON in causes)


def _increments(attempt: Attempt, asset: Asset, came: Consumption, *, goes_on: bool) -> PinnedInputs:
    """The increments to read. An input may have been rewritten since the plan was made; the plan says whether to go on
    then.
    """
    if came.rebuild and goes_on:
        return PinnedInputs(attempt.inputs(asset), _read_from(attempt, asset))
    if came.rebuild and (asset.on_rewrite is OnRewrite.HOLD or is_dated_by_runs(asset)):
        return PinnedInputs(waits=came.rebuild)
    if came.rebuild:
        return PinnedInputs(attempt.inputs(asset), rebuilds=True, guarded=asset.write.traits.versioned)
    new: dict[TableKey, Scan] = {
        key: new_rows(attempt.world.catalog, attempt.tables[key], increment, asset.new_keys.get(key, ()))
        for key, increment in came.increments.items()
    }
    since = {str(key): increment.since for key, increment in came.increments.items()}
    return PinnedInputs({**attempt.inputs(asset, frozenset(came.increments)), **new}, since)


def _read_from(attempt: Attempt, asset: Asset) -> Mapping[str, int]:
    """All rows are read and merged. The snapshot must say up to where it read, even if no row changed."""
    before = positions(attempt.tables.get(asset.key))
    return {str(key): before.get(str(key), 0) for key in asset.new_rows}


def _readmission(attempt: Attempt, asset: Asset) -> PinnedInputs:
    rows = waiting_rows(attempt, asset.key)
    treated = as_readmission(asset, rows.schema, attempt.tables[asset.key].schema)
    return PinnedInputs({rows.key: rows}, readmission=treated)


def has_no_new_rows(attempt: Attempt, step: Step) -> bool:
    """Did the upstreams that ran bring an incremental asset nothing to read?"""
    asset = attempt.asset(step.asset)
    return bool(asset.new_rows) and step.base_id is not None and _came(attempt, asset).is_empty


def _came(attempt: Attempt, asset: Asset) -> Consumption:
    heads = {key: head for key in asset.new_rows if (head := attempt.pinned(key)) is not None}
    return consumption(asset, attempt.tables.get(asset.key), attempt.tables, heads)


def new_rows(catalog: Catalog, table: Table, increment: Increment, by: tuple[str, ...]) -> Scan:
    """The new rows of an input; with `by`, all rows of the keys that have new ones."""
    added = catalog.scan_added(table, increment.head, tuple(snapshot.id for snapshot in increment.appends))
    if not by:
        return added
    return replace(catalog.scan(table, increment.head), among=added, by=by)
