"""How an environment stands: what it has built, on what of main, and what of that has moved since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lakeflow.core.environments.environment import Environment, branches_of, named_by, ref_of
from lakeflow.core.environments.shown import stands_on_main
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import Table
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import BRANCH_PREFIX


@dataclass(frozen=True)
class OwnState:
    """The environment's own state of a table. `base` is the snapshot of main that it stands on, None for a table that
    had none; `main_moved` says that readers of main see another one, or other columns, by now.
    """

    asset: AssetKey
    base: int | None
    snapshot_id: int
    rows: int | None
    main_moved: bool


@dataclass(frozen=True)
class EnvironmentStanding:
    """One environment. Its times are None where only its branches tell of it, because the record of it is lost.

    `ends_at` is when it may be removed, `held` the assets of which a run waits for a decision in it.
    """

    name: str
    made_at: datetime | None
    pinned_at: datetime | None
    used_at: datetime | None
    ends_at: datetime | None
    built: tuple[OwnState, ...] = ()
    held: tuple[AssetKey, ...] = ()

    @property
    def is_recorded(self) -> bool:
        return self.made_at is not None


def standing_of(
    environment: Environment, tables: Iterable[Table], keep: timedelta, held: Iterable[AssetKey]
) -> EnvironmentStanding:
    built = sorted(
        (_built(environment, table) for table in tables if environment.holds(table)), key=lambda one: one.asset
    )
    return EnvironmentStanding(
        environment.name,
        environment.made_at,
        environment.pinned_at,
        environment.used_at,
        environment.ends_at(keep),
        tuple(built),
        tuple(sorted(held)),
    )


def unrecorded(known: Iterable[str], tables: Sequence[Table]) -> tuple[EnvironmentStanding, ...]:
    """The environments that left branches, and that nobody recorded."""
    names = {name for table in tables for ref in table.refs if (name := named_by(ref))} - set(known)
    return tuple(_unrecorded(name, tables) for name in sorted(names))


def outdated(every: Iterable[Environment], keep: timedelta, now: datetime) -> tuple[Environment, ...]:
    """The environments that nobody used for so long."""
    return tuple(one for one in every if one.ends_at(keep) <= now)


def left_by(name: str, runs: frozenset[str], table: Table) -> frozenset[int]:
    """The snapshots of the table that runs of the environment wrote, and the heads of its branches, whoever did, but
    for those that readers of main see or saw.
    """
    mine = branches_of(name, table)
    made = ((id_, provenance_of(snapshot.summary)) for id_, snapshot in table.snapshots.items())
    found = frozenset(mine.values()) | {id_ for id_, said in made if said and said.run in runs}
    once = {at for _, at in table.log} | ({table.main} if table.main is not None else set())
    return found - {each.id for at in once for each in table.ancestry(at)} if found else found


def _built(environment: Environment, table: Table) -> OwnState:
    base, head = environment.base(table), table.refs[environment.ref]
    snapshot, moved = table.snapshots.get(head), not stands_on_main(table, environment)
    return OwnState(table.key, base, head, snapshot.rows if snapshot else None, moved)


def with_runs(name: str, tables: Iterable[Table]) -> tuple[Table, ...]:
    """The tables in which runs of the environment left a branch, by the order of their keys."""
    left = f"{ref_of(name)}__{BRANCH_PREFIX}"
    found = (table for table in tables if any(ref.startswith(left) for ref in table.refs))
    return tuple(sorted(found, key=lambda table: table.key))


def _unrecorded(name: str, tables: Sequence[Table]) -> EnvironmentStanding:
    ref = ref_of(name)
    mine = (table for table in tables if ref in table.refs)
    built = tuple(OwnState(table.key, None, table.refs[ref], None, main_moved=True) for table in mine)
    return EnvironmentStanding(name, None, None, None, None, built, tuple(one.key for one in with_runs(name, tables)))
