"""What of an environment may become main as it is, what has to be built again first, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from lakeflow.core.environments.environment import Environment
from lakeflow.core.environments.shown import stands_on_main, written
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.values import dataclass

_FOR: Final = frozenset({Ruling.PUBLISH, Ruling.UNCHANGED, Ruling.RETURNED})
_AUDITED: Final = frozenset({Ruling.PUBLISH, Ruling.UNCHANGED})


@dataclass(frozen=True)
class Ready:
    """An asset whose state in the environment becomes main. `base` is main now (None: nothing was published yet).

    `is_confirmed` says that a run of the environment found main's own rows to be right: main stays, and that is taken
    over.
    """

    asset: AssetKey
    base: int | None
    snapshot_id: int
    rows: int | None
    is_confirmed: bool = False


@dataclass(frozen=True)
class Promotion:
    """What a promote would do: `ready` assets become main as they are, `behind` ones are built again first, each with
    why; `held` ones stay in the environment, where a run holds newer work of them.
    """

    name: str
    ready: tuple[Ready, ...] = ()
    behind: Mapping[AssetKey, str] = EMPTY
    held: Mapping[AssetKey, str] = EMPTY

    @property
    def rows_not_read(self) -> int:
        """The rows that become main, or stay it, without being read again."""
        return sum(one.rows or 0 for one in self.ready)


@dataclass(frozen=True)
class Candidates:
    """What is decided about: the tables as they are, today's project, and the verdicts that runs of the environment
    gave and that main does not know, oldest first.
    """

    project: Project
    environment: Environment
    tables: Mapping[AssetKey, Table]
    said: Mapping[AssetKey, tuple[VerdictRecord, ...]] = field(default=EMPTY, repr=False)

    def line(self, key: AssetKey) -> frozenset[int]:
        """The snapshots that would come to main; where main stays, the one that it is."""
        table = self.tables[key]
        mine = frozenset(each.id for each in written(table, self.environment))
        return mine or frozenset({table.main} if table.main is not None else ())

    def verdicts(self, key: AssetKey) -> tuple[VerdictRecord, ...]:
        """By which main may have what would come to it: none of them was forced."""
        line = self.line(key)
        return tuple(one for one in self.said.get(key, ()) if one.snapshot_id in line and one.ruling in _AUDITED)


def sound(found: Candidates) -> tuple[dict[AssetKey, Ready], dict[AssetKey, str]]:
    """What stands on today's main and was audited, snapshot by snapshot; and what else the environment has, with why
    it cannot become main as it is.
    """
    ready: dict[AssetKey, Ready] = {}
    behind: dict[AssetKey, str] = {}
    for key, table in sorted(found.tables.items()):
        if found.environment.holds(table):
            if why := next(_faults(found, table), ""):
                behind[key] = why
            else:
                head = table.refs[found.environment.ref]
                ready[key] = Ready(key, table.main, head, table.snapshots[head].rows)
        elif (one := _confirmed(found, table)) is not None:
            ready[key] = one
    return ready, behind


def apart(found: Candidates, ready: Collection[AssetKey]) -> dict[AssetKey, str]:
    """Those of the ready ones whose quarantine, or whose owner, has a state in the environment and is not ready."""
    own = [key for key, table in found.tables.items() if found.environment.holds(table) and key not in ready]
    pairs = {owner_of(key): key for key in own} | {key: owner for key in ready if (owner := owner_of(key)) in own}
    return {key: f"{pairs[key]} is not ready, and belongs to it" for key in sorted(ready) if key in pairs}


def _faults(found: Candidates, table: Table) -> Iterator[str]:
    line = written(table, found.environment)
    if table.key not in found.project.assets:
        yield "no asset defines it any more"
    if table.main != found.environment.base(table):
        yield "main has moved since it was built"
    elif not stands_on_main(table, found.environment):
        yield "main's columns have changed since it was built"
    if not line or line[-1].parent_id != table.main:
        yield "it was set back there to what main was before"
    elif not all(_is_audited(found, table.key, each.id) for each in line):
        yield _unaudited(found, table.key, line)
    elif not _stands(found, table.key, line[0].id):
        yield "an audit there held it since"


def _unaudited(found: Candidates, key: AssetKey, line: Sequence[Snapshot]) -> str:
    """What no audit let pass, and how it is taken back."""
    mine = {each.id for each in line}
    said = (one for one in found.said.get(key, ()) if one.snapshot_id in mine and one.ruling is Ruling.FORCED)
    if (forced := next(said, None)) is not None:
        back = f"`lakeflow rollback {forced.run} --env {found.environment.name}`"
        return f"a part of it was published there by force, which {back} takes back"
    return "a part of it was published there by another engine"


def _confirmed(found: Candidates, table: Table) -> Ready | None:
    main = table.main
    if main is None or table.key not in found.project.assets or main != found.environment.base(table):
        return None
    if not _is_audited(found, table.key, main) or not _stands(found, table.key, main):
        return None
    return Ready(table.key, main, main, table.snapshots[main].rows, is_confirmed=True)


def _is_audited(found: Candidates, key: AssetKey, snapshot_id: int) -> bool:
    """Did a run of the environment publish or confirm it, and was it never forced?"""
    mine = set(_rulings(found, key, snapshot_id))
    return bool(_AUDITED & mine) and Ruling.FORCED not in mine


def _stands(found: Candidates, key: AssetKey, snapshot_id: int) -> bool:
    """Was the last ruling on it in its favour? A new check may have held since what an older one let pass."""
    return _rulings(found, key, snapshot_id)[-1] in _FOR


def _rulings(found: Candidates, key: AssetKey, snapshot_id: int) -> list[Ruling]:
    return [one.ruling for one in found.said.get(key, ()) if one.snapshot_id == snapshot_id]
