"""Tags: one name for a consistent set of snapshots of all tables, as refs that every engine reads by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.values import dataclass

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_RESERVED: Final = frozenset({MAIN, "held", "published"})
_BRANCH: Final = "audit_"
_GONE: Final = frozenset({Ruling.ROLLED_BACK, Ruling.DROPPED})
_SEEN: Final = frozenset({Ruling.PUBLISH, Ruling.FORCED, Ruling.RETURNED})


@dataclass(frozen=True)
class Tagged:
    """A tag: the snapshot that it names in each table which has it."""

    name: str
    snapshots: Mapping[AssetKey, int]


def require_tag_name(name: str) -> None:
    """UsageError for a name that other engines, or our own commands, would take for something else."""
    hint = "letters, digits, `.`, `_` and `-`, at most 63, such as 2026-q3 or before-migration"
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a tag", hint=hint)
    if name.isdigit():
        raise UsageError(f"{name!r} cannot name a tag: engines take a number for a snapshot id", hint=hint)
    if name.lower() in _RESERVED or name.lower().startswith(_BRANCH):
        raise UsageError(f"{name!r} cannot name a tag: it means something else already", hint=hint)


def tags_of(tables: Mapping[AssetKey, Table]) -> tuple[Tagged, ...]:
    """All tags of these tables by name, also those that other engines made."""
    names = sorted({name for table in tables.values() for name in table.tags})
    return tuple(
        Tagged(name, {key: table.refs[name] for key, table in sorted(tables.items()) if name in table.tags})
        for name in names
    )


def require_free(name: str, tables: Mapping[AssetKey, Table]) -> None:
    """UsageError where some table has the name already, also in other letter case."""
    taken = sorted({ref for table in tables.values() for ref in table.refs if ref.lower() == name.lower()})
    if taken:
        raise UsageError(
            f"{taken[0]!r} is there already; a tag does not move",
            hint=f"choose another name, or `lakeflow tag {taken[0]} --delete` first",
        )


def seen_after(verdicts: Iterable[VerdictRecord]) -> dict[AssetKey, int]:
    """What main of each table was after these verdicts, which are in the order in which they were recorded.

    No clock is asked: the order of the records is the order of the commits. Rows of another engine count once a run has
    audited them.
    """
    mains: dict[AssetKey, int] = {}
    for verdict in verdicts:
        if verdict.ruling in _SEEN:
            mains[verdict.asset] = verdict.snapshot_id
        elif verdict.ruling in _GONE and mains.get(verdict.asset) == verdict.snapshot_id:
            del mains[verdict.asset]
    return mains
