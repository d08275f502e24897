"""Brings an intent to one end: after an answer that was lost, and for a process that died before it saw one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import ConflictError, LakeError
from lakeflow.core.intents.intent import Intent
from lakeflow.core.intents.landed import Course, Landed, course
from lakeflow.core.intents.partly import Part, partly
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Change,
    Discard,
    Drop,
    Promote,
    Publish,
    Registration,
    Rename,
    Retract,
    Rollback,
    fenced,
)
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.wap.ports import World

_ROUNDS: Final = 10
"""How often a request that is still under way may change what a look found."""


def settle_orphans(world: World) -> None:
    """Settle what processes left that died between their intent and its end, on main and in environments. The lease of
    a holder that lives is its own affair.
    """
    left = world.ledger.intents().open
    if not left:
        return
    at_work = world.ledger.tokens_at_work()
    for intent in left:
        if intent.token not in at_work:
            settled(world, intent)


def settled(world: World, intent: Intent) -> bool:
    """Settle the intent, and say whether it came true.

    1. All of it is in the tables: the ledger follows.
    2. None is: nobody can bring it any more, and the ledger forgets it.
    3. Some is: the rest follows table by table; where another engine came between, what can be is put back.

    An intent names branches as the tables have them, so the catalog is asked that shows no environment.
    """
    world = world.of_lake
    for _ in range(_ROUNDS):
        landed = world.catalog.landed(intent)
        match course(landed):
            case Course.FORWARD:
                world.ledger.fulfil(intent)
                return True
            case Course.FENCE if _is_fenced(world, intent):
                world.ledger.withdraw(intent)
                _drop_fenced(world, intent)
                return False
            case Course.FINISH if not _finished(world, intent, landed):
                _put_back(world, intent)
                return False
    raise LakeError(
        "the catalog keeps changing while the outcome of a commit is looked for",
        hint="run the command again: it goes on with it",
    )


def _is_fenced(world: World, intent: Intent) -> bool:
    """False where something landed meanwhile, so that another look is needed.

    What publishes nothing has no branch to rename: it is done after all, or can never be done any more.
    """
    try:
        if intent.publishes:
            world.catalog.fence(intent)
            return not any(world.catalog.landed(intent).values())
        _apply(world, intent.changes)
    except ConflictError:
        return bool(not intent.publishes and not any(world.catalog.landed(intent).values()))
    return False


def _apply(world: World, changes: Sequence[Change | Registration]) -> None:
    whole = [change for change in changes if isinstance(change, Adopt | Rename | Drop)]
    moves = [change for change in changes if not isinstance(change, Adopt | Rename | Drop)]
    if whole:
        world.catalog.register(whole, UNRECORDED)
    if moves:
        world.catalog.commit(moves, UNRECORDED)


def _finished(world: World, intent: Intent, landed: Landed) -> bool:
    """Bring the rest, one table after the other; False where a table has moved on without it."""
    return all(is_there or _brought(world, intent, key) for key, is_there in landed.items())


def _brought(world: World, intent: Intent, key: AssetKey) -> bool:
    mine = [change for change in intent.changes if change.key == key]
    for tried in (mine, [_from_fenced(change) for change in mine]):
        try:
            _apply(world, tried)
        except ConflictError:
            if world.catalog.landed(intent)[key]:
                return True
        else:
            return True
    return False


def _from_fenced(change: Change | Registration) -> Change | Registration:
    match change:
        case Publish():
            return replace(change, branch=fenced(change.branch))
        case Promote():
            return replace(change, refused="")
    return change


def _put_back(world: World, intent: Intent) -> None:
    """Take from readers what was published without the rest, where nobody has built on it, and record what stays."""
    landed = world.catalog.landed(intent)
    there = [change for change in intent.publishes if landed[change.key]]
    back = frozenset(change.key for change in there if _is_back(world, change))
    stay = frozenset(key for key, is_there in landed.items() if is_there) - back
    never = frozenset(landed) - stay - back
    why = (
        f"the catalog published {_names(stay | back)} and not {_names(never)}, where another engine had moved main; "
        f"{_names(back) or 'nothing'} was put back" + (f", {_names(stay)} stays" if stay else "")
    )
    world.ledger.fulfil(partly(intent, Part(stay, back, never, why), world.clock()))


def _is_back(world: World, change: Publish | Promote) -> bool:
    try:
        world.catalog.commit([_opposite(change)], UNRECORDED)
    except ConflictError:
        return False
    return True


def _opposite(change: Publish | Promote) -> Change:
    if isinstance(change, Promote):
        return Retract(change.key, change.uuid, change.branch, change.base, change.snapshot_id)
    return Rollback(change.key, change.snapshot_id, change.base, target=change.target)


def _drop_fenced(world: World, intent: Intent) -> None:
    """Their work is to be done again, under the name of the run's branch and another snapshot. What refuses a promote
    stays, for the branch of the environment does.
    """
    publishes = [change for change in intent.publishes if isinstance(change, Publish)]
    tables = world.catalog.load(change.key for change in publishes)
    left = [
        Discard(change.key, fenced(change.branch), tables[change.key].refs[fenced(change.branch)])
        for change in publishes
        if change.key in tables and fenced(change.branch) in tables[change.key].refs
    ]
    for each in left:
        world.catalog.commit([each], UNRECORDED)


def _names(keys: Iterable[AssetKey]) -> str:
    return ", ".join(map(str, sorted(keys)))
