"""What a person calls a state of a table: a ref, a snapshot, a time, a version or a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lakeflow.core.compare.comparison import Side
from lakeflow.core.errors import UsageError
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import branch_of
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.time.moments import StillToComeError, moment
from lakeflow.core.view.history import BRANCH_PREFIX, HELD, find_snapshot, predecessor, ref_meant, seen_at
from lakeflow.core.wording import did_you_mean
from lakeflow.wap.look.moments import instant_named
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


def two_states(table: Table, base: int | None, ref: str) -> tuple[Side, Side]:
    """A snapshot, or nothing, against what a ref of the table holds."""
    return _of(table, "nothing" if base is None else f"s{base}", base), _of(table, ref, table.refs[ref])


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
        return _of(table, word, _of_run(table, word) or _named(world, table, word))


def of_run(table: Table, run: str) -> tuple[Side, Side] | None:
    """What a run made of the table: its branch against main, or what it published against what was before. None where
    it wrote nothing of it that readers did or may see. UsageError when what was before has expired.
    """
    branch = branch_of(run)
    if branch in table.refs:
        return _of(table, MAIN, table.main), _of(table, branch, table.refs[branch])
    wrote = [each for each in table.snapshots.values() if _made_by(each, run) and table.was_main(each.id)]
    if not wrote:
        return None
    last = max(wrote, key=lambda each: each.committed_at).id
    return before(table, last), _of(table, f"run {run}", last)


def runs_of(table: Table) -> Iterator[str]:
    """The runs that wrote what the table keeps."""
    return (made.written_by for each in table.snapshots.values() if (made := provenance_of(each.summary)))


def _made_by(snapshot: Snapshot, run: str) -> bool:
    made = provenance_of(snapshot.summary)
    return made is not None and made.written_by == run


def _of_run(table: Table, word: str) -> int | None:
    """What the run holds of the table; None where it holds nothing of it."""
    branches = [ref for ref in table.refs if ref.startswith(branch_of(word))] if _RUN.fullmatch(word) else []
    if len(branches) > 1 and branch_of(word) not in branches:
        raise UsageError(f"{word!r} means {len(branches)} runs of {table.key}", hint="give more of the id")
    return table.refs[max(branches, key=lambda ref: ref == branch_of(word))] if branches else None


def _named(world: World, table: Table, word: str) -> int:
    """What readers saw once there was what is named: a version, a run, a tag of other tables."""
    try:
        found = instant_named(world, word, world.catalog.look(world.project.assets).tables.values()).snapshot(table)
    except UsageError as error:
        known = (*table.refs, HELD, NOW)
        raise UsageError(
            f"{table.key} has no state {word!r}: {error.message}",
            hint=did_you_mean(word, known, error.hint or f"`lakeflow snapshots {table.key}` lists them"),
            asset=table.key,
        ) from None
    if found is None:
        raise UsageError(f"{word} names no state of {table.key}", hint=f"`lakeflow snapshots {table.key}` lists them")
    return found


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
