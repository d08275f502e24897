"""What a person should know of a plan before it runs, beside its steps and their reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lakeflow.core.model.asset import PythonCode
from lakeflow.core.model.run import Action
from lakeflow.core.plan.facts import published
from lakeflow.core.plan.in_time.late_rows import late_warnings
from lakeflow.core.plan.landing import told
from lakeflow.core.plan.scd2_rebuilds import loss
from lakeflow.core.plan.taken_out import told_out
from lakeflow.core.time.timeline import EVER

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import PlanRequest, Step


def warnings(asked: PlanRequest, steps: Sequence[Step]) -> Iterator[str]:
    yield from _clock_warnings(asked)
    yield from _landing_warnings(asked)
    yield from late_warnings(asked)
    for step in steps:
        yield from _of_step(asked, step)


def _of_step(asked: PlanRequest, step: Step) -> list[str]:
    asset = asked.project.assets[step.asset]
    again = step.action is Action.WRITE and step.base_id is not None
    if asked.refreshed:
        stands = published(asked.facts.tables.get(step.asset))
        return [loss(asset, stands)] if stands and asset.write.traits.versioned else []
    if again and asset.write.traits.adds and not asset.upstreams and asset.files is None:
        return [f"{step.asset} appends: rows that it landed before will land again"]
    if again and asset.new_rows and isinstance(asset.code, PythonCode):
        # Nobody can read in a function whether part of the rows gives a right result.
        names = ", ".join(map(str, sorted(asset.new_rows)))
        how = "keep its keys apart" if asset.new_rows <= set(asset.new_keys) else "treat each by itself"
        return [f"{asset.key} reads new rows of {names} in a function, which is trusted to {how}"]
    return []


def _clock_warnings(asked: PlanRequest) -> Iterator[str]:
    """Tables whose time lies in the future: what is written to them keeps that time until it has passed."""
    if asked.facts.now == EVER.start:  # nobody said what time it is
        return
    for key in asked.selected:
        table = asked.facts.tables.get(key)
        if table and (ahead := table.runs_ahead(asked.facts.now)):
            yield (
                f"{key} was last written at {ahead:%Y-%m-%d %H:%M} UTC, and now is {asked.facts.now:%Y-%m-%d %H:%M}: a "
                "clock was or is wrong; once this one is right, `lakeflow doctor --mend-times` sets such times to now"
            )


def _landing_warnings(asked: PlanRequest) -> Iterator[str]:
    """Files of selected assets that a person may expect to land and that do not, whether or not the asset runs."""
    for key in asked.selected:
        asset, landing = asked.project.assets[key], asked.facts.landings.get(key)
        if asset.files is None or landing is None:
            continue
        if not landing.matched:
            yield f"{key}: no file matches {', '.join(asset.files.globs)}"
        if landing.drift.refused:
            yield f"{key} cannot land: {landing.drift.message} ({landing.drift.hint})"
        if landing.lost:
            more = f" and {len(landing.lost) - 1} more" if len(landing.lost) > 1 else ""
            yield f"{key}: {landing.lost[0]}{more} landed before and is not there any more: its rows go"
        if landing.again:
            yield f'{key} lands bytes again, in {told(landing.again)}; once = "content" in its source skips such files'
        if out := told_out(landing):
            yield f"{key} leaves out {out}; `lakeflow unland FILE --undo` lets one land again"
        if landing.skipped and not (key in asked.running and asked.running[key].action is Action.WRITE):
            yield f"{key} skips {told(landing.skipped)}"
        if key in asked.running and not landing.new and landing.before and not landing.faults:
            yield f"{key}: nothing new lands; rows that landed before stay as they are"
