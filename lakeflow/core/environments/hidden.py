"""From whom a commit is hidden that is under way: the readers of the refs that it moves."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.core.environments.environment import named_by
from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Change,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Registration,
    Rename,
    Retract,
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.table import MAIN


def hidden_from(reader: str, intent: Intent) -> frozenset[AssetKey]:
    """The tables of which the intent changes what readers of that environment see; empty: readers of main. To all
    others the rest of the table is what it is now, also what was published there since.
    """
    return frozenset(change.key for change in intent.changes if reader in _readers(change, reader))


def _readers(change: Change | Registration, everybody: str) -> frozenset[str]:
    if isinstance(change, Adopt | Rename | Drop):
        return frozenset({everybody})
    return frozenset(named_by(ref) or "" for ref in _refs(change))


def _refs(change: Change) -> Iterator[str]:
    match change:
        case Publish() | Rollback():
            yield change.target
        case Promote() | Retract():
            yield from (MAIN, change.branch)
        case Discard():
            yield change.branch
        case LetGo():
            yield from change.refs
        case Tag() | Untag():
            yield change.name
        case Pin() | Stay():
            return
