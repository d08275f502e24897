"""What a person calls a state of a table: a ref, a snapshot, a time, or a run."""

from __future__ import annotations

import re
from typing import Final

from lakeflow.core.compare.comparison import Side
from lakeflow.core.errors import UsageError
from lakeflow.core.model.run import RunRecord, StepState
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.time.moments import StillToComeError, moment
from lakeflow.core.view.history import BRANCH_PREFIX, HELD, find_snapshot, predecessor, ref_meant, seen_at
from lakeflow.core.view.instant import after
from lakeflow.core.wording import did_you_mean
from lakeflow.wap.look.runs import with_waiting_branches
from lakeflow.wap.ports import World

NOW: Final = "now"
_BETWEEN: Final = ".."
_SNAPSHOT: Final = re.compile(r"s\d+")
_RUN: Final = re.compile(r"[0-9a-z]+")


def sides(world: World, table: Table, between: str) -> tuple[Side, Side]:
    """The two states that `A..B` names; a side that is left out is main. UsageError for a text that names no two, and
    for a state that is not there.
    """
    first, _, second = between.partition(_BETWEEN)
    if _BETWEEN not in between or not (first or second) or second.startswith("."):
        raise UsageError(
            f"{between!r} does not name two states of {table.key}",
            hint=f"write A..B, such as `lakeflow diff {table.key} 7d..now`",
            asset=table.key,
        )
    return side(world, table, first or MAIN), side(world, table, second or MAIN)


def default_sides(world: World, table: Table) -> tuple[Side, Side]:
    """What waits for a decision against what readers see; where nothing waits, what they see against what they saw
    before it. UsageError where nothing was ever published or is held, and where what was before has expired.
    """
    waiting = ref_meant(with_waiting_branches(world.ledger, table), HELD)
    if waiting:
        return _of(table, MAIN, table.main), _of(table, waiting, table.refs[waiting])
    if table.main is None:
        raise _unpublished(table)
    return before(table, table.main), _of(table, MAIN, table.main)


def before(table: Table, snapshot_id: int) -> Side:
    """What readers saw before this snapshot changed rows; nothing, where it is the first. UsageError when that state
    has expired.
    """
    found = predecessor(table, snapshot_id)
    *_, oldest = table.ancestry(snapshot_id)
    if found is None and oldest.parent_id is not None:
        raise UsageError(
            f"what readers of {table.key} saw before s{snapshot_id} has expired",
            hint="keep_snapshots in [tool.lakeflow] says how many snapshots are kept",
            asset=table.key,
        )
    return _of(table, "nothing" if found is None else f"before s{snapshot_id}", found)


def side(world: World, table: Table, word: str) -> Side:
    """The state of that name. UsageError where the table has none, or several."""
    if word in {MAIN, NOW}:
        if table.main is None:
            raise _unpublished(table)
        return _of(table, word, table.main)
    if word == HELD:
        waiting = with_waiting_branches(world.ledger, table)
        return _of(table, ref_meant(waiting, HELD) or word, find_snapshot(waiting, ref=HELD, snapshot=None))
    if word in table.refs or word.startswith(BRANCH_PREFIX):
        return _of(table, word, find_snapshot(table, ref=word, snapshot=None))
    if _SNAPSHOT.fullmatch(word) or (word.isdecimal() and int(word) in table.snapshots):
        return _of(table, word, find_snapshot(table, ref=MAIN, snapshot=word))
    try:
        return _of(table, word, seen_at(table, moment(word, world.clock())))
    except StillToComeError as error:
        raise UsageError(str(error), hint="`now` is what readers see") from None
    except ValueError:
        return _of(table, word, _of_run(world, table, word))


def of_run(table: Table, run: RunRecord) -> tuple[Side, Side] | None:
    """What a run made of the table: its branch against main, or what it published against what was before. None where
    it wrote nothing of it that readers did or may see. UsageError when that has expired.
    """
    if run.branch in table.refs:
        return _of(table, MAIN, table.main), _of(table, run.branch, table.refs[run.branch])
    step = run.step(table.key)
    if step is None or step.state is not StepState.PUBLISHED or step.snapshot_id is None:
        return None
    if step.snapshot_id not in table.snapshots:
        raise _expired(table, run)
    return before(table, step.snapshot_id), _of(table, f"run {run.id}", step.snapshot_id)


def _of_run(world: World, table: Table, word: str) -> int:
    """What the run holds of the table, otherwise what readers saw once it had published."""
    run = _run(world, table, word)
    if run.branch in table.refs:
        return table.refs[run.branch]
    step = run.step(table.key)
    if step and step.state is StepState.PUBLISHED and step.snapshot_id is not None:
        if step.snapshot_id not in table.snapshots:
            raise _expired(table, run)
        return step.snapshot_id
    others = world.catalog.look(each.asset for each in run.steps).tables.values()
    then = after(run, others).moment
    assert then is not None, "a run that published did so at some time"
    return seen_at(table, then)


def _run(world: World, table: Table, word: str) -> RunRecord:
    try:
        if _RUN.fullmatch(word):
            return world.ledger.run(word)
    except UsageError as error:
        if not error.message.startswith("no run"):
            raise
    known = (*sorted(table.refs), HELD, NOW)
    raise UsageError(
        f"{table.key} has no state {word!r}: it is no ref, snapshot, time or run",
        hint=did_you_mean(
            word, known, f"`lakeflow snapshots {table.key}` lists what there is, `lakeflow runs` the runs"
        ),
        asset=table.key,
    )


def _of(table: Table, called: str, snapshot_id: int | None) -> Side:
    at = None if snapshot_id is None else table.snapshots[snapshot_id].committed_at
    return Side(called, snapshot_id, at)


def _unpublished(table: Table) -> UsageError:
    return UsageError(
        f"{table.key} was never published: there is nothing to compare with",
        hint=f"`lakeflow show {table.key} --ref held` shows what is held of it"
        if any(ref.startswith(BRANCH_PREFIX) for ref in table.refs)
        else f"`lakeflow materialize +{table.key}` builds it",
        asset=table.key,
    )


def _expired(table: Table, run: RunRecord) -> UsageError:
    return UsageError(
        f"what run {run.id} published of {table.key} has expired",
        hint="`lakeflow runs` lists later runs",
        asset=table.key,
    )
