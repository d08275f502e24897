"""The rows that fail an asset's checks, as recorded by the run that audited the snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from lakeflow.as_json.values import check_json, id_text
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.checks import BAD, check_lines, sample_records
from lakeflow.cli.text import Mark, Text, line, screen
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import ids_meant, snapshot_meant
from lakeflow.core.view.rows import AssetStatus
from lakeflow.core.wording import counted
from lakeflow.core.words import readers_see

if TYPE_CHECKING:
    from lakeflow.lake.lake import Lake

HELD = "held"
_MANY_RUNS = 1_000


@dataclass(frozen=True)
class AuditedPlace:
    """Where to look: a ref, or one snapshot by `s` and the first digits of its id."""

    ref: str
    snapshot: str | None = None


def ref_of(status: AssetStatus, ref: str) -> str:
    """The ref that is meant: `held` is the branch that waits for a decision; UsageError when none does."""
    if ref != HELD:
        return ref
    if not status.held:
        hint = f"`lakeflow snapshots {status.asset}` lists what there is"
        raise UsageError(f"nothing of {status.asset} is held", hint=hint, asset=status.asset)
    return f"audit_{status.held[-1]}"  # run ids sort by time


def failing_step(lake: Lake, status: AssetStatus, place: AuditedPlace, limit: int) -> StepRecord:
    """The step that audited that snapshot; UsageError when no audit of it is recorded.

    The ledger keeps a few rows of each check. Where more fail, and the checks are still the same, as many as asked for
    are read from the snapshot itself.
    """
    step = _step_of(lake, status, place)
    if step is None or not step.checks:
        raise UsageError(
            f"no audit of {status.asset} at {place.snapshot or place.ref} is recorded",
            hint=f"`lakeflow snapshots {status.asset}` lists what there is",
            asset=status.asset,
        )
    return replace(step, checks=_with_more(lake, step, limit))


def _with_more(lake: Lake, step: StepRecord, limit: int) -> tuple[CheckResult, ...]:
    same = lake.project.suite(step.asset).digest == step.checks_digest
    # A check that may show no row has kept none.
    if not same or not any(0 < len(check.samples) < min(check.failed_rows or 0, limit) for check in step.checks):
        return step.checks
    try:
        return lake.failing(str(step.asset), snapshot=f"s{step.snapshot_id}", limit=limit)
    except UsageError:  # the snapshot has expired
        return step.checks


def audited_in(runs: Iterable[RunRecord], key: AssetKey, said: str) -> StepRecord | None:
    """The newest step that audited the snapshot of this asset that is meant; UsageError when several are."""
    steps = (run.step(key) for run in runs)
    audited: dict[int, StepRecord] = {}
    for step in steps:
        if step and step.checks and step.snapshot_id is not None:
            audited.setdefault(step.snapshot_id, step)
    if not ids_meant(said, audited, key):
        return None
    return audited[snapshot_meant(said, audited, key)]


def failing_answer(step: StepRecord, status: AssetStatus, limit: int, now: datetime) -> Answer:
    """At most `limit` failing rows of each check, and what readers see meanwhile if the snapshot is not on main."""
    bad = [check for check in step.checks if check.outcome in BAD]
    checks = [check_json(one) for one in bad]
    data = {"asset": str(step.asset), "snapshot_id": id_text(step.snapshot_id), "checks": checks}
    return Answer(data, _screen(step, status, limit, now), sample_records(bad))


def _step_of(lake: Lake, status: AssetStatus, place: AuditedPlace) -> StepRecord | None:
    if place.snapshot is None and place.ref != "main":
        return lake.run(place.ref.removeprefix("audit_")).step(status.asset)
    if place.snapshot is None and status.snapshot_id is None:
        raise _never_published(status)
    return audited_in(lake.runs(_MANY_RUNS), status.asset, place.snapshot or str(status.snapshot_id))


def _never_published(status: AssetStatus) -> UsageError:
    hint = f"`lakeflow materialize +{status.asset}` builds it"
    if status.held:
        hint = f"`lakeflow show {status.asset} --ref audit_{status.held[0]} --failing` shows what waits"
    return UsageError(f"{status.asset} was never published", hint=hint, asset=status.asset)


def _screen(step: StepRecord, status: AssetStatus, limit: int, now: datetime) -> Text:
    bad: Sequence[Text] = check_lines(step.checks, limit)
    name = f"{step.asset} {short_id(step.snapshot_id)}" if step.snapshot_id is not None else str(step.asset)
    waits = [line(readers_see(status, now))] if step.snapshot_id != status.snapshot_id else []
    if not bad:
        return screen([line(Mark.OK, f" all {counted(len(step.checks), 'check')} passed on {name}")], waits)
    return screen([line((name, "bold")), *bad], waits)
