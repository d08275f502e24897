"""The lake of the stories (`tests/wap/lab.py`) with environments, and a real ledger: rows are numbers, tables are real
ones or values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from lakeflow import wap
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlEnvironments, SqlLedger
from lakeflow.core.environments.promotion import Promotion
from lakeflow.core.model.run import Lease, RunRecord, VerdictRecord
from lakeflow.wap.environments.catalog import EnvironmentCatalog
from lakeflow.wap.environments.drop import drop_environment
from lakeflow.wap.environments.make import make
from lakeflow.wap.environments.promote import Promoted, promote
from lakeflow.wap.environments.promotion import decided
from lakeflow.wap.environments.refresh import refresh_environment
from tests.core.samples import key
from tests.environments.branches import BranchesInMemory
from tests.wap.doubles import Gated, Ticking
from tests.wap.lab import ACTOR, Lab
from tests.wap.real_lab import RealLab


class Story(Lab):
    """What is told within `inside` happens in that environment; all else happens on main."""

    database: Database

    def begin(self) -> None:
        self.environments = SqlEnvironments(self.database, self.clock)
        self.name = ""
        self.actor = ACTOR
        self.claimed: list[str] = []
        self.released: list[str] = []

    def close(self) -> None:
        self.database.close()

    @property
    def world(self) -> wap.World:
        main = replace(
            (lake := super().world),
            invocation=replace(lake.invocation, actor=self.actor),
            environments=self.environments,
            enter=self._entered,
            claim=lambda: self.claimed.append("lake"),
            release=lambda: self.released.append("lake"),
        )
        return main.within(self.name) if self.name else main

    def _entered(self, world: wap.World, name: str) -> wap.World:
        def reader() -> str:
            return name if self.environments.find(name) else ""

        catalog = Gated("catalog", self.catalog.seen_by(reader), self._pass)
        return replace(
            world,
            catalog=EnvironmentCatalog(catalog, self.environments, name),
            ledger=Gated(f"ledger@{name}", self._ledger_of(name), self._pass),
            make_environment=partial(make, world.catalog, self.environments, name),
            looked={},
        )

    def _ledger_of(self, name: str) -> SqlLedger:
        return SqlLedger(self.database, self.is_alive, self.clock, 30.0, environment=name)

    @contextmanager
    def inside(self, name: str = "pr") -> Iterator[Story]:
        self.name = name
        try:
            yield self
        finally:
            self.name = ""

    def said(self, name: str = "pr") -> Promotion:
        return decided(self.world, name).promotion

    def promote(self, name: str = "pr", wait: float = 0.0) -> Promoted:
        return promote(self.world, name, wait, self.events.append)

    def refresh(self, name: str = "pr") -> list[str]:
        return [str(one) for one in refresh_environment(self.world, name)]

    def drop(self, name: str = "pr") -> list[str]:
        return [str(one) for one in drop_environment(self.world, name)]

    def busy_at(self, turn: int, name: str) -> list[str]:
        """Whoever takes that lease, counted from now, finds another run at work on this asset, and no more at the next
        try. All tries are noted.
        """
        tries: list[str] = []
        lease = Lease("rx", "token of rx", frozenset({key(name)}), self.holder)

        def gate(call: str) -> None:
            if call.endswith(".acquire>"):
                tries.append(call)
                ledger = self._ledger_of("pr" if call.startswith("ledger@pr") else "")
                if len(tries) == turn:
                    ledger.acquire(lease)
                elif len(tries) == turn + 1:
                    ledger.release(lease)

        self.gate(gate)
        return tries

    def drop_table(self, name: str) -> None:
        """A table that no asset defines is taken out of the catalog, on main."""
        wap.drop(self.world, key(name))

    @contextmanager
    def leased(self, name: str, environment: str = "") -> Iterator[None]:
        """A run is at work on that asset, on main or in the environment."""
        ledger = self._ledger_of(environment) if environment else self.ledger
        lease = Lease("rx", f"token of {environment}", frozenset({key(name)}), self.holder)
        ledger.acquire(lease)
        yield
        ledger.release(lease)

    @staticmethod
    def hours(count: int) -> timedelta:
        return timedelta(hours=count)

    def verdicts(self, asset: str, name: str = "") -> tuple[VerdictRecord, ...]:
        """All that was recorded of the asset on main, or in an environment; oldest first."""
        ledger: Any = self._ledger_of(name) if name else self.ledger
        found: tuple[VerdictRecord, ...] = ledger.verdicts([key(asset)])[key(asset)]
        return found

    def head(self, asset: str, name: str = "pr") -> int | None:
        return self.table(asset).refs.get(f"env_{name}")


class RealStory(RealLab, Story):
    """Tables and database are on disk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begin()


class StoryInMemory(Story):
    """Tables are values, and the database is one of SQLite in memory: a story takes some milliseconds."""

    def __init__(self) -> None:
        self.database = Database("sqlite://")
        self.database.initialise(MIGRATIONS)
        clock = Ticking()
        ledger = SqlLedger(self.database, self.is_alive, clock, 30.0)
        super().__init__(BranchesInMemory(clock, self.database), ledger, clock)
        self.begin()


def ready(found: Promotion) -> list[str]:
    return [str(one.asset) for one in found.ready]


def behind(found: Promotion) -> dict[str, str]:
    return {str(one): why for one, why in found.behind.items()}


def held(found: Promotion) -> list[str]:
    return sorted(map(str, found.held))


def run_of(done: Promoted) -> RunRecord:
    assert done.run is not None
    return done.run
