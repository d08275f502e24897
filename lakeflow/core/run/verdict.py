"""Publish or hold: the decision, and what to do when main moved meanwhile. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import CheckResult, StepRecord, StepState
from lakeflow.core.model.table import NEUTRAL, Snapshot, Table
from lakeflow.core.model.write_mode import WriteMode


@dataclass(frozen=True)
class Verdict:
    """`reason` is empty for a publish, else the first cause of the hold."""

    publish: bool
    reason: str = ""


PUBLISH: Final = Verdict(publish=True)


def decide(
    steps: Mapping[AssetKey, StepRecord], needs: Mapping[AssetKey, frozenset[AssetKey]], *, all_or_nothing: bool
) -> dict[AssetKey, Verdict]:
    """Publish an asset iff no check of it holds and everything of this run that it needs is published too.

    `steps` are all steps of the run; those that ended without being published hold whatever needs them.
    `needs` are the inputs and the references of checks, within the run.
    """
    verdicts = {key: _alone(step) for key, step in steps.items()}
    while held := _held_by_others(verdicts, needs):
        verdicts |= held
    if all_or_nothing and (worst := next((key for key, verdict in verdicts.items() if not verdict.publish), None)):
        verdicts |= {
            key: Verdict(publish=False, reason=f"all or nothing: {worst} is not published")
            for key, verdict in verdicts.items()
            if verdict.publish
        }
    return verdicts


def hold_reason(checks: tuple[CheckResult, ...]) -> str:
    """Why these results hold a publish; empty when they do not."""
    holding = [check for check in checks if check.holds]
    if not holding:
        return ""
    more = f" and {len(holding) - 1} more" if len(holding) > 1 else ""
    return f"{holding[0].name} {holding[0].outcome}{more}"


def _alone(step: StepRecord) -> Verdict:
    if step.state is StepState.PUBLISHED:
        return PUBLISH  # by an earlier attempt, or by force whatever its checks said
    if step.state is not None and not step.done:
        return Verdict(publish=False, reason=step.reason or str(step.state))
    if reason := hold_reason(step.checks):
        return Verdict(publish=False, reason=reason)
    return PUBLISH


def _held_by_others(
    verdicts: Mapping[AssetKey, Verdict], needs: Mapping[AssetKey, frozenset[AssetKey]]
) -> dict[AssetKey, Verdict]:
    held = {}
    for key, verdict in verdicts.items():
        blocking = [other for other in sorted(needs.get(key, ())) if other in verdicts and not verdicts[other].publish]
        if verdict.publish and blocking:
            held[key] = Verdict(publish=False, reason=f"waits for {blocking[0]}, which is not published")
    return held


class Remedy(StrEnum):
    """What to do with a branch: publish it as it is, put it on top of today's main, write it again, or give up."""

    NONE = "none"
    RESTAGE = "restage"
    REWRITE = "rewrite"
    CONFLICT = "conflict"


def written_as(snapshot: Snapshot) -> WriteMode:
    """The mode that a snapshot was written in, by its own word, else by its operation."""
    made = provenance_of(snapshot.summary)
    if made and made.write:
        return WriteMode(made.write)
    return WriteMode.APPEND if snapshot.operation == "append" else WriteMode.REPLACE


def reconcile(table: Table, base: int | None, mode: WriteMode) -> Remedy:
    """main against the base that a step was written on.

    Commits that only moved files never conflict: what merged with files that moved is written again, all else goes
    on top of them. An append goes on top of appends. Anything else is a conflict,
    because the rows of that commit would be lost or the rows written would rest on others than were read. Files that
    landed meanwhile, new rows that were consumed and rows that were readmitted are a conflict too: the step may write
    the same ones.
    """
    if table.main == base:
        return Remedy.NONE
    since = list(takewhile(lambda snapshot: snapshot.id != base, table.ancestry(table.main)))
    linear = bool(since) and since[-1].parent_id == base
    if linear and all(snapshot.operation in harmless_to(mode) and not _consumed(snapshot) for snapshot in since):
        return Remedy.REWRITE if mode.traits.merges else Remedy.RESTAGE
    return Remedy.CONFLICT


def harmless_to(mode: WriteMode) -> frozenset[str]:
    """The operations of others that leave right what was written in this mode. What adds meets no row of theirs."""
    return frozenset({NEUTRAL, "append"} if mode.traits.adds else {NEUTRAL})


def _consumed(snapshot: Snapshot) -> bool:
    made = provenance_of(snapshot.summary)
    return made is not None and bool(made.landed or made.new_rows or made.readmits)
