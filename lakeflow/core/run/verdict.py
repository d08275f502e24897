"""The decision to publish or to hold, and what to do when main moved meanwhile. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import takewhile
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import CheckResult, StepRecord, StepState
from lakeflow.core.model.table import NEUTRAL, Snapshot, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Verdict:
    """`reason` is empty for a publish, else the first cause of the hold."""

    publish: bool
    reason: str = ""


PUBLISH: Final = Verdict(publish=True)


def decide(
    steps: Mapping[AssetKey, StepRecord], needs: Mapping[AssetKey, frozenset[AssetKey]], *, all_or_nothing: bool
) -> dict[AssetKey, Verdict]:
    """Publish an asset if and only if two things hold.

    1. None of its own checks holds it.
    2. Everything of this run that it needs is published too.

    `steps` are all steps of the run. A step that ended unpublished holds whatever needs it. `needs` are, within the
    run, the inputs of each asset and the tables that its checks refer to.
    """
    verdicts = {key: _alone(step) for key, step in steps.items()}
    # A held asset holds those that need it, and these hold others, until nothing changes any more.
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
        return PUBLISH  # an earlier attempt published it, or a person forced it
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
    """What to do with a branch when main may have moved: publish it as it is, put it on top of main, write it again, or
    give up.
    """

    NONE = "none"
    RESTAGE = "restage"
    REWRITE = "rewrite"
    CONFLICT = "conflict"


def written_as(snapshot: Snapshot) -> WriteMode:
    """The mode in which a snapshot was written: its summary says it, or else its operation."""
    made = provenance_of(snapshot.summary)
    if made and made.write:
        return WriteMode(made.write)
    return WriteMode.APPEND if snapshot.operation == "append" else WriteMode.REPLACE


def reconcile(table: Table, base: int | None, mode: WriteMode) -> Remedy:
    """What to do with a branch, given today's main and the base that it was written on.

    1. Main is still the base: publish the branch.
    2. Commits since then only moved files: a merge, which read those files, is written again; anything else goes on
       top.
    3. An append goes on top of appends.
    4. Anything else is a conflict: that commit's rows would be lost, or the rows written would rest on others than
       those read. It is a conflict too where another run landed files, read new rows or readmitted rows meanwhile: this
       step may write the same ones.
    """
    if table.main == base:
        return Remedy.NONE
    since = list(takewhile(lambda snapshot: snapshot.id != base, table.ancestry(table.main)))
    # A main that was set back has lost the base itself, and with it what the step rests on.
    linear = bool(since) and since[-1].parent_id == base
    if linear and all(snapshot.operation in harmless_to(mode) and not _consumed(snapshot) for snapshot in since):
        return Remedy.REWRITE if mode.traits.merges else Remedy.RESTAGE
    return Remedy.CONFLICT


def harmless_to(mode: WriteMode) -> frozenset[str]:
    """The operations of others after which rows written in this mode are still right. An append meets none of their
    rows.
    """
    return frozenset({NEUTRAL, "append"} if mode.traits.adds else {NEUTRAL})


def _consumed(snapshot: Snapshot) -> bool:
    """Did it take up files or rows that the step may have taken up too? A compaction only repeats what was said."""
    made = provenance_of(snapshot.summary) if snapshot.operation != NEUTRAL else None
    return made is not None and bool(made.landed or made.new_rows or made.readmits)
