"""Runs an asset's code and writes what it gives to files, which belong to no table yet.

The code runs within its limits, and again after an error if its author asked for retries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

import tenacity

from lakeflow.core.column_names import OLD_NAMES
from lakeflow.core.errors import CodeError
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Project, PythonCode
from lakeflow.core.model.layout import Partition
from lakeflow.core.model.provenance import tombstones_of
from lakeflow.core.model.quarantine import quarantine_key, quarantine_schema
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.landing import landed_set
from lakeflow.core.plan.partitions import Pending, asked_of, windows
from lakeflow.core.plan.readmission import read_by, readmits
from lakeflow.core.ports import Catalog, Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.run.events import StepPrinted, StepRetried
from lakeflow.core.run.write import RefusedRows, Ties, Write, WriteResult
from lakeflow.core.view.lineage import hidden_columns, personal
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.audit_request import audit_request
from lakeflow.wap.step.landing import keep_landed, land
from lakeflow.wap.step.schema import columns_of, stored_schema
from lakeflow.wap.step.sizes import bytes_to_read

_LONGEST: Final = 60.0
"""The longest pause between two tries, in seconds."""


@dataclass(frozen=True)
class Computed:
    """Files for a table, in its schema; `landed` names the set of all that has landed with them. `quarantine` are
    the table and the schema of its quarantine, if it has one; `moment` is when the write began.
    """

    table: Table
    schema: Schema
    written: WriteResult
    landed: str = ""
    quarantine: tuple[Table, Schema] | None = None
    moment: datetime | None = None


@dataclass(frozen=True)
class Order:
    """What an asset's code is to compute, on pinned inputs.

    `asset` is the asset as this step treats it, `declared` is the asset as its file declares it. `partitions` are the
    partitions in time to build, window by window, in one write.
    """

    declared: Asset
    asset: Asset
    scans: Mapping[TableKey, Scan]
    partitions: tuple[Pending, ...] = ()


def compute(attempt: Attempt, order: Order) -> Computed:
    """What the code gives, written to files.

    The observer is told of each failed try but the last. Only CodeError gets another try: an error that a retry cannot
    change, such as a limit that was passed, ends the step at once.
    """
    asset = order.asset
    limits, pause = asset.limits.over(attempt.world.policy.limits), attempt.world.policy.retry_pause

    def again(state: tenacity.RetryCallState) -> None:
        assert state.outcome is not None
        coming = state.next_action.sleep if state.next_action else 0.0
        failed = str(state.outcome.exception())
        attempt.tell(StepRetried(attempt.run.id, asset.key, state.attempt_number, limits.retries or 0, coming, failed))

    patient = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CodeError),
        stop=tenacity.stop_after_attempt(1 + (limits.retries or 0)),
        wait=tenacity.wait_exponential(pause, _LONGEST) + tenacity.wait_random(0, pause / 2),
        before_sleep=again,
        sleep=attempt.step_lock.pause,
        reraise=True,
    )
    said, traced = partial(_printed, attempt, asset.key), partial(attempt.trace, asset.key)
    resources, input_bytes = attempt.resources(asset.key), bytes_to_read(attempt, asset.key)
    terms = Terms(limits, said, traced, resources=resources, windows=windows(order.partitions), input_bytes=input_bytes)
    return patient(lambda: _given(attempt, order, terms))


def renames_only(attempt: Attempt, key: AssetKey) -> Computed:
    """No row and no file: only columns that an early release named otherwise get their present names."""
    table = attempt.tables[key]
    columns = tuple(replace(field, name=OLD_NAMES.get(field.name, field.name)) for field in table.schema.fields)
    schema = stored_schema(table, Schema(columns), attempt.asset(key).write)
    return Computed(table, schema, WriteResult(), landed_set(table))


def _printed(attempt: Attempt, key: AssetKey, lines: tuple[str, ...]) -> None:
    attempt.tell(StepPrinted(attempt.run.id, key, lines))


def _given(attempt: Attempt, order: Order, terms: Terms) -> Computed:
    """Run the code once. Other steps go on while it works."""
    asset, release_while = order.asset, attempt.step_lock.release_while
    attempt.traced.discard(asset.key)
    with ExitStack() as stack:
        produced = release_while(lambda: stack.enter_context(_running(attempt, order, terms)))
        table, schema = _target(
            attempt, columns_of(order.declared, produced.schema, attempt.tables.get(asset.key)), asset
        )
        how, other = _how(attempt, order.declared, table, schema, merges=asset.write.traits.merges), None
        write = replace(how, asked=asked_of(asset, order.partitions))
        if quarantine := attempt.world.project.assets.get(quarantine_key(asset.key)):
            other = _target(attempt, columns_of(quarantine, quarantine_schema(schema), None), quarantine)
            write = replace(write, refused=_refused_rows(attempt, order.declared, schema, other))
        written = release_while(lambda: produced.write(write))
    landed = keep_landed(attempt, table, produced, (*written.files, *written.refused)) if asset.files else ""
    return Computed(table, schema, written, landed, other, write.moment)


def _refused_rows(attempt: Attempt, asset: Asset, schema: Schema, other: tuple[Table, Schema]) -> RefusedRows:
    """The checks that refuse rows, which the auditor names, and what is recorded of each refused row.

    Rows refused earlier have no limit on refusals.
    """
    table = attempt.tables[asset.key]
    request = audit_request(attempt.world, table, Scan(asset.key, None, schema), {})
    step, refusals = (
        attempt.step(asset.key),
        attempt.step_lock.release_while(lambda: attempt.world.auditor.refusals(request)),
    )
    inputs = {name: str(snapshot) for name, snapshot in sorted(read_by(step).items())}
    return RefusedRows(
        refusals=tuple(replace(each, max_fraction=1.0) for each in refusals) if readmits(step) else refusals,
        schema=other[1],
        directory=attempt.world.catalog.data_directory(other[0]),
        run=attempt.run.id,
        inputs=json.dumps(inputs),
    )


def _running(attempt: Attempt, order: Order, terms: Terms) -> AbstractContextManager[Produced]:
    if order.asset.files:
        return land(attempt, order.asset, terms)
    return attempt.world.engine.produce(order.asset, order.scans, terms)


def _how(attempt: Attempt, asset: Asset, table: Table, schema: Schema, *, merges: bool) -> Write:
    """The write as a value. A merge gets main as it was pinned; a rebuild merges with nothing."""
    catalog, main = attempt.world.catalog, table.main if merges else None
    return Write(
        mode=asset.write,
        schema=schema,
        directory=catalog.data_directory(table),
        key=asset.primary_key,
        last_by=asset.last_by,
        ties=_ties(attempt, asset),
        deleted=asset.deleted,
        at=asset.at,
        track=asset.track,
        deletes=asset.deletes,
        moment=_moment(attempt, table),
        base=None if main is None else catalog.scan(table, main),
        layout=asset.layout,
        partitions=_partitions(catalog, asset, table) if main is not None else EMPTY,
        hidden=_hidden(attempt.world.project, asset),
        tombstones="" if main is None else _tombstones(catalog, asset, table),
    )


def _tombstones(catalog: Catalog, asset: Asset, table: Table) -> str:
    """The keys that upserts have deleted so far, as the snapshots of main tell them."""
    name = tombstones_of(table, table.main)
    return catalog.read_sidecar(table, name) if name and asset.write.traits.remembers_deleted and asset.deleted else ""


def _hidden(project: Project, asset: Asset) -> frozenset[str]:
    """The columns that no error may quote: those declared personal, and the key where a function may have made it of
    personal data.
    """
    unread = isinstance(asset.code, PythonCode) and asset.key in personal(project)
    keys = frozenset(name.lower() for name in asset.primary_key) if unread else frozenset()
    return hidden_columns(project, asset) | keys


def _moment(attempt: Attempt, table: Table) -> datetime:
    """The moment from which rows without a time hold. It is never before the versions that stand, even if a clock ran
    fast then.
    """
    now = attempt.world.clock()
    return max(now, table.latest or now)


def _ties(attempt: Attempt, asset: Asset) -> Ties:
    """Whether new rows may correct rows of the same time: only if the code has changed."""
    stands = published(attempt.tables.get(asset.key), attempt.facts.verdicts.get(asset.key, ()))
    changed = stands is not None and attempt.facts.made_by(stands) != asset.code_version
    return Ties.CORRECTED if changed else Ties.REFUSED


def _partitions(catalog: Catalog, asset: Asset, table: Table) -> Mapping[str, Partition]:
    """The partition of each file of main, where the write replaces partitions."""
    if not asset.write.traits.by_partition or table.main is None:
        return EMPTY
    return catalog.partitions(table, table.main, asset.layout)


def _target(attempt: Attempt, columns: Schema, asset: Asset) -> tuple[Table, Schema]:
    """The table, made when it is new, and the schema to write with."""
    table = attempt.tables.get(asset.key)
    if table is None:
        new = stored_schema(None, columns, asset.write)
        table = attempt.tables[asset.key] = attempt.world.catalog.create(asset.key, new)
    return table, stored_schema(table, columns, asset.write)
