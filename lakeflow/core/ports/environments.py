"""The port to the record of environments: their names, and what each has pinned of main."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakeflow.core.environments.environment import Environment
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.table import Pinned


class EnvironmentRecords(Protocol):
    """What is recorded of environments, beside the runs that each has for itself."""

    def find(self, name: str) -> Environment | None: ...

    def all(self) -> tuple[Environment, ...]:
        """All environments, by name."""
        ...

    def make(self, name: str, pins: Mapping[AssetKey, Pinned]) -> None:
        """Record the environment with its pins. Where it was made meanwhile, nothing changes."""
        ...

    def use(self, name: str) -> None:
        """Record that somebody works in it now."""
        ...

    def pin(self, name: str, pins: Mapping[AssetKey, Pinned]) -> None:
        """Pin these in place of what it had pinned of the same tables."""
        ...

    def forget(self, name: str) -> None:
        """Remove the record of the environment, with its runs and verdicts."""
        ...

    def runs(self, name: str) -> frozenset[str]:
        """The ids of all runs that wrote in it."""
        ...
