"""Makes the rows of a recorded write again, by what makes them in a run, in files that belong to no table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lakeflow.core.compact.stored import MovedRows
from lakeflow.core.errors import LakeError
from lakeflow.core.model.run import Action, Lease, RunRecord, RunState, StepRecord
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.planning import Step
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.run.code_terms import Listener
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.ports import World
from lakeflow.wap.replaying.then import Then
from lakeflow.wap.step.compute import compute
from lakeflow.wap.step.computed import Computed
from lakeflow.wap.step.sources.choose import source_of
from lakeflow.wap.step.sources.source import Source


class _ScratchCatalog:
    """The catalog to read from. A write of then must not write now, so everything that would is refused."""

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        if name in {"stage", "restage", "compact", "commit", "register", "collect", "create", "write_sidecar"}:
            raise LakeError(f"making a snapshot again must not {name} anything")
        return getattr(self._catalog, name)


@contextmanager
def made_again(world: World, then: Then, said: Listener) -> Iterator[tuple[Source, Computed]]:
    """What the write gives now, in files that are removed afterwards."""
    key, made = then.asset.key, then.found.made
    scratch: Any = _ScratchCatalog(world.catalog)
    project = replace(world.project, assets={**world.project.assets, key: then.asset})
    past = replace(
        world,
        project=project,
        catalog=scratch,
        clock=lambda: then.at,
        log=lambda _: None,
        make_engine=lambda: world.engine,
        make_auditor=lambda: world.auditor,
    )
    run = RunRecord(made.run, RunState.RUNNING, then.at, steps=(StepRecord(key, inputs=made.inputs),))
    landings = {} if then.landing is None else {key: then.landing}
    facts = Facts(then.tables, landings=landings, externals=then.externals, now=then.at)
    lease = Lease(made.run, "", frozenset(), world.invocation.holder)
    attempt = Attempt(past, lease, run, facts, lambda event: None)
    source = source_of(attempt, _step(then))
    computed = compute(attempt, source, source.inputs(attempt))
    written = computed.written
    try:
        yield source, computed
    finally:
        world.engine.drop(MovedRows((*written.files, *written.refused)))


def _step(then: Then) -> Step:
    """The step as it was planned, as far as its snapshot tells. All rows replace others where the mode recorded is
    another than the asset's; new rows are merged, or all of them where the write says that an input was rewritten.
    """
    made, parent_id = then.found.made, then.found.snapshot.parent_id
    causes = [Cause.GOES_ON] if made.new_rows else []
    if made.write and WriteMode(made.write) is not then.asset.write:
        causes = [Cause.FULL_REFRESH]
    return Step(
        then.asset.key, Action.WRITE, tuple(Reason(cause) for cause in causes), parent_id, partitions=then.partitions
    )
