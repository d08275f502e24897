"""Runs an asset's code and writes its rows to files, which belong to no table yet.

The code runs within its limits, and again after an error if its author asked for retries.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

import tenacity

from lakeflow.core.errors import CodeError
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Project, PythonCode
from lakeflow.core.model.layout import Partition
from lakeflow.core.model.provenance import tombstones_of
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.in_time.partitions import replaced_by, windows
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.run.events import StepPrinted, StepRetried
from lakeflow.core.run.write import Ties, Write
from lakeflow.core.view.lineage import hidden_columns, personal
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.schema import columns_of, target
from lakeflow.wap.step.sizes import bytes_to_read
from lakeflow.wap.step.sources.source import Source

_LONGEST: Final = 60.0
"""Seconds between two tries at most, however many tries there were."""


def compute(attempt: Attempt, source: Source, inputs: Mapping[TableKey, Scan]) -> Computed:
    """Run the code and write the rows that it gives to files.

    The observer is told of each failed try except the last. Only CodeError gets another try. An error that a retry
    cannot change, such as an exceeded limit, ends the step at once.
    """
    asset = source.asset
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
    terms = Terms(
        limits, said, traced, resources=resources, windows=windows(source.partitions), input_bytes=input_bytes
    )
    return patient(lambda: _once(attempt, source, inputs, terms))


def _printed(attempt: Attempt, key: AssetKey, lines: tuple[str, ...]) -> None:
    attempt.tell(StepPrinted(attempt.run.id, key, lines))


def _once(attempt: Attempt, source: Source, inputs: Mapping[TableKey, Scan], terms: Terms) -> Computed:
    """Run the code once; other steps proceed during long work."""
    asset, declared, release_while = source.asset, source.declared, attempt.step_lock.release_while
    attempt.traced.discard(asset.key)
    with ExitStack() as stack:
        produced = release_while(lambda: stack.enter_context(source.produce(attempt, inputs, terms)))
        # What others gave back until now was told to an engine that had not begun.
        if (now := attempt.resources(asset.key)) != terms.resources:
            attempt.world.engine.regrant(asset.key, now)
        # The columns are known only after the code ran, and the table to write to depends on them.
        columns = columns_of(declared, produced.schema, attempt.tables.get(asset.key))
        table, schema = target(attempt, columns, asset)
        how = _how(attempt, declared, table, schema, merges=asset.write.traits.merges)
        over = replaced_by(asset, source.partitions, schema)
        how = replace(how, asked=over.partitions, spans=over.spans)
        write, quarantine = source.quarantine.split(attempt, how, source.refusals)
        # The first write of a run hides how long it takes to load what commits are made with.
        work, warm_up = partial(produced.write, write), attempt.world.warm_up
        written = release_while(lambda: attempt.step_lock.beside(work, warm_up))
    return Computed(table, schema, written, produced.landed, quarantine, write.moment)


def _how(attempt: Attempt, asset: Asset, table: Table, schema: Schema, *, merges: bool) -> Write:
    """Describe the write as a value. A merge gets main as it was pinned; a rebuild merges with nothing."""
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
        file_bytes=attempt.world.policy.file_bytes,
        tombstones="" if main is None else _tombstones(catalog, asset, table),
    )


def _tombstones(catalog: Catalog, asset: Asset, table: Table) -> str:
    """Read the keys that upserts have deleted so far, from the sidecar of main's snapshot."""
    name = tombstones_of(table, table.main)
    return catalog.read_sidecar(table, name) if name and asset.deleted else ""


def _hidden(project: Project, asset: Asset) -> frozenset[str]:
    """The columns that no error may quote: those declared personal, and the key where a function may have made it from
    personal data.
    """
    unread = isinstance(asset.code, PythonCode) and asset.key in personal(project)
    keys = frozenset(name.lower() for name in asset.primary_key) if unread else frozenset()
    return hidden_columns(project, asset) | keys


def _moment(attempt: Attempt, table: Table) -> datetime:
    """The time from which versions without a time of their own are valid. It is never earlier than existing versions,
    even if a clock ran fast when they were written.
    """
    now = attempt.world.clock()
    return max(now, table.latest or now)


def _ties(attempt: Attempt, asset: Asset) -> Ties:
    """May new rows correct rows of the same time? Only if the code has changed."""
    stands = published(attempt.tables.get(asset.key), attempt.facts.verdicts.get(asset.key, ()))
    changed = stands is not None and attempt.facts.made_by(stands) != asset.code_version
    return Ties.CORRECTED if changed else Ties.REFUSED


def _partitions(catalog: Catalog, asset: Asset, table: Table) -> Mapping[str, Partition]:
    """Map each file of main to its partition, where the write replaces partitions."""
    if not asset.write.traits.by_partition or table.main is None:
        return EMPTY
    return catalog.partitions(table, table.main, asset.layout)
