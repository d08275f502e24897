"""`AlertingLake`, a lake that tells who is to be told when something has changed it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

from lakeflow.core.values import dataclass
from lakeflow.lake.reading import ReadableLake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from lakeflow.core.run.backfill import BackfillEvent
    from lakeflow.core.view.rows import AssetStatus
    from lakeflow.lake.telling.alerts import Alerts
    from lakeflow.wap import World


_TOLD: Final = 200
"""Of so many of the last runs OpenLineage is told, where it was not yet."""


def _at_once(act: Callable[[], None]) -> None:
    """Do it at once."""
    act()


@dataclass(frozen=True, repr=False)
class AlertingLake(ReadableLake):
    """A lake whose methods that change something send alerts at their end, and record by whom: an `actor`, or whoever
    runs this process.
    """

    afterwards: Callable[[Callable[[], None]], object] = field(default_factory=lambda: _at_once)
    actor: str = ""

    @property
    def alerts(self) -> Alerts:
        """Who is told what of the lake, as the settings say, and what waits to be sent."""
        from lakeflow.lake.telling.alerts import Alerts  # noqa: PLC0415 - who only looks tells nobody

        outbox, root = self._world.outbox, Path(self.project.root)
        assert outbox is not None, "a lake has an outbox"
        return Alerts(self.configured, root / self.configured.state_dir, outbox, self._world.clock, self._standing_at)

    def _told(self, world: World) -> World:
        told = super()._told(world)
        return replace(told, invocation=replace(told.invocation, actor=self.actor)) if self.actor else told

    def _standing_at(self, now: datetime) -> tuple[AssetStatus, ...]:
        return tuple(self._standing(replace(self._facts(), now=now)).statuses.values())

    @contextmanager
    def _alerting(self) -> Iterator[None]:
        """Around what changes the lake: alerts are sent when it is done, also when it raised."""
        try:
            yield
        except Exception:
            self.afterwards(self._send_alerts)
            raise
        self.afterwards(self._send_alerts)

    def _sending(self, observer: Callable[[BackfillEvent], None]) -> Callable[[BackfillEvent], None]:
        """The observer of many runs, between which alerts are sent too, while the next one begins."""
        if not self.configured.alerts:
            return observer

        from lakeflow.core.run.events import RunEnded  # noqa: PLC0415 - as above

        def observe(event: BackfillEvent) -> None:
            if isinstance(event, RunEnded):
                Thread(target=self.alerts.try_to_send, name="alerts of a backfill", daemon=True).start()
            observer(event)

        return observe

    def _tell_of_runs(self) -> None:
        """Tell OpenLineage's receiver of the runs that it was not told of."""
        from lakeflow.lake.telling.runs_told import tell_soon  # noqa: PLC0415 - as above

        outbox, folder = self._world.outbox, Path(self.project.root) / self.configured.state_dir
        assert outbox is not None, "a lake has an outbox"
        tell_soon(self.project, folder, outbox.lake_id(), self.runs(_TOLD), self._column_graph)

    def _send_alerts(self) -> None:
        """Judge and send. The command line does so when its answer is written, and this lake closed already."""
        from lakeflow.adapters.openlineage import is_asked_for  # noqa: PLC0415 - who only looks tells nobody

        told = is_asked_for(os.environ)
        if not self.configured.alerts and not told:
            return
        was_open = "_world" in vars(self)
        if self.configured.alerts:
            self.alerts.after_command()
        if told:
            self._tell_of_runs()
        if not was_open:
            self.close()
