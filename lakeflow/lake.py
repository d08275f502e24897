"""A lake is an open project: its assets, catalog, engine and ledger. The only file that knows who is real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lakeflow.core.events import Event
from lakeflow.core.model import AssetKey, Project
from lakeflow.core.planning import Plan
from lakeflow.core.ports import Rows
from lakeflow.core.runs import RunRecord
from lakeflow.core.views import AssetStatus, LineageNode, Setting, SnapshotRow

Observer = Callable[[Event], None]


def open(path: str | Path = ".", *, settings: Mapping[str, str] | None = None) -> Lake:  # noqa: A001 - the API's word
    """The lake around `path`. `settings` override environment and file."""
    raise NotImplementedError


@dataclass
class Lake:
    """Each method is a sentence of the command line; see `docs/` for the same words there."""

    project: Project

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError

    def select(self, *selection: str) -> tuple[AssetKey, ...]:
        raise NotImplementedError

    def plan(self, *selection: str, force: bool = False) -> Plan:
        raise NotImplementedError

    def materialize(
        self,
        *selection: str,
        force: bool = False,
        all_or_nothing: bool = False,
        wait: float = 0.0,
        observer: Observer = lambda event: None,
    ) -> RunRecord | None:
        """None when there is nothing to do. `wait` is how many seconds to wait for another run's lease."""
        raise NotImplementedError

    def publish(
        self, run: str, *selection: str, reason: str | None = None, observer: Observer = lambda event: None
    ) -> RunRecord:
        """Audit the held snapshots of a run again and publish what passes.

        With a `reason` the publish is forced: failed and errored checks are overridden, who and why recorded.
        """
        raise NotImplementedError

    def discard(self, run: str) -> RunRecord:
        raise NotImplementedError

    def retry(self, run: str | None = None, observer: Observer = lambda event: None) -> RunRecord:
        """The next attempt of that run, by default the latest unpublished one."""
        raise NotImplementedError

    def rollback(self, run: str, *, force: bool = False) -> RunRecord:
        raise NotImplementedError

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        raise NotImplementedError

    def run(self, prefix: str) -> RunRecord:
        raise NotImplementedError

    def status(self, *selection: str) -> tuple[AssetStatus, ...]:
        """What needs a decision first."""
        raise NotImplementedError

    def snapshots(self, asset: str) -> tuple[SnapshotRow, ...]:
        """Newest first: open branches, then main and its ancestors."""
        raise NotImplementedError

    def lineage(self, *selection: str) -> tuple[LineageNode, ...]:
        """One tree for each selected asset that no other selected one reads."""
        raise NotImplementedError

    def read(self, asset: str, *, ref: str = "main", snapshot: str | None = None) -> Any:
        """A lazy DuckDB relation over what readers see, or over a ref (`audit_…`) or snapshot (`s4411…`)."""
        raise NotImplementedError

    def show(self, asset: str, *, ref: str = "main", snapshot: str | None = None, limit: int = 20) -> Rows:
        """The first rows as text, personal columns masked."""
        raise NotImplementedError

    def settings(self) -> tuple[Setting, ...]:
        raise NotImplementedError
