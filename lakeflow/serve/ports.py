"""What the loop needs of a lake. The real one and the one of the simulated year pass the same tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord
from lakeflow.core.serve.view import ServedLake
from lakeflow.core.time.quiet import Quiet
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Sight:
    """One look at a lake. `mended` says that the project's files are others than at the look before."""

    lake: ServedLake
    quiet: Quiet | None = None
    mended: bool = False


class KeptLake(Protocol):
    """A lake that may be looked at again and again, while its files and its tables change."""

    def look(self) -> Sight:
        """How it stands now. ProjectError and ConfigError where its files are wrong, LakeError where it cannot be
        read.
        """
        ...

    def materialize(self, keys: Sequence[AssetKey]) -> RunRecord | None:
        """Write, audit and publish; None when there was nothing to do. BusyError while another run holds an asset."""
        ...

    def retry(self, run: str) -> RunRecord:
        """The next attempt of that run. UsageError where it has nothing left to do."""
        ...

    def judge(self) -> None:
        """Record what the clock tells those who want alerts: what is late or degraded, and what is no longer."""
        ...

    def send(self) -> None:
        """Send the alerts that wait, for a few seconds; what a receiver does not take waits on."""
        ...

    def close(self) -> None: ...
