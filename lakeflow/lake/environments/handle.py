"""`Environments`, the environments of an open lake: `lake.environments`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lakeflow.core.errors import UsageError
from lakeflow.core.wording import parse_seconds
from lakeflow.wap.environments import drop, look
from lakeflow.wap.environments.refresh import refresh_environment

if TYPE_CHECKING:
    from lakeflow.core.environments.promotion import Promotion
    from lakeflow.core.environments.standing import EnvironmentStanding
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.listings import Comparisons
    from lakeflow.core.model.asset import Project
    from lakeflow.core.review.environment import EnvironmentReview
    from lakeflow.core.run.events import Event
    from lakeflow.core.settings.settings import Settings
    from lakeflow.wap import World
    from lakeflow.wap.attempt import Observer
    from lakeflow.wap.environments.promote import Promoted


def _ignore(_event: Event) -> None:
    """Nobody listens."""


def of_main(settings: Settings, project: Project, world: World) -> World:
    """The world, which must be that of main."""
    from lakeflow.lake.keeping.environments import environment_meant  # noqa: PLC0415 - who only looks at main asks nothing

    if name := environment_meant(settings, Path(project.root)):
        raise UsageError(
            f"this lake is open in environment {name}", hint="open it without `env` to ask about environments"
        )
    return world


class Environments:
    """Branches of the whole lake, in which a change is built and audited before readers of main see any of it.

    An environment is made by the first run in it: `lakeflow.open(settings={"env": "pr_123"}).materialize()`. The lake
    that this belongs to is that of main.
    """

    def __init__(self, settings: Settings, world: Callable[[], World]) -> None:
        self._settings = settings
        self._world = world

    def list(self) -> tuple[EnvironmentStanding, ...]:
        """All of them by name: what each has built, on what, and when it may be removed."""
        return look.environments(self._world(), self._keep)

    def show(self, name: str) -> EnvironmentStanding:
        """One of them. UsageError where there is none of that name."""
        return look.environment(self._world(), name, self._keep)

    def diff(self, name: str, *, where: str = "", rows: int = 5) -> Comparisons:
        """How each table that it has built differs from what it was built on: columns, and rows by key. Only files that
        may differ are opened. `where` and `rows` as in `Lake.diff`.

        UsageError where there is no environment of that name.
        """
        from lakeflow.core.listings import Comparisons  # noqa: PLC0415 - only who compares
        from lakeflow.wap.environments.diff import diff_environment  # noqa: PLC0415 - as above
        from lakeflow.wap.look.diff import Shown  # noqa: PLC0415 - as above

        return Comparisons(diff_environment(self._world(), name, Shown(where, rows)))

    def review(self, name: str, *, where: str = "", rows: int = 5) -> EnvironmentReview:
        """`diff`, with what it holds, what its last steps came to and cost, which of their checks failed, and what the
        project's files change against main, for the assets below too.

        UsageError where there is no environment of that name.
        """
        from lakeflow.lake.reviewing.environment import reviewed_environment  # noqa: PLC0415 - as above
        from lakeflow.wap.look.diff import Shown  # noqa: PLC0415 - as above

        return reviewed_environment(self._world(), name, self._keep, Shown(where, rows))

    def promotion(self, name: str) -> Promotion:
        """What a promote would do now: which assets become main as they are, which are built again first and why, which
        are held, and how many rows are not read. Writes nothing.

        UsageError where there is no environment of that name.
        """
        from lakeflow.wap.environments.promotion import decided  # noqa: PLC0415 - as above

        return decided(self._world(), name).promotion

    def promote(self, name: str, *, wait: float = 0.0, observer: Observer = _ignore) -> Promoted:
        """Publish on main what was audited in the environment, all tables in one commit, without reading a row.

        What main has moved under, or was made by other code, checks or inputs than today's, is built again in the
        environment first. What a run holds there stays there. `wait` is how many seconds to wait for another run's
        lease, `observer` hears each event of what is built again.

        UsageError where there is no environment of that name, BusyError while another run holds one of the assets,
        ConflictError, with nothing published, where what they were made from moves meanwhile.
        """
        from lakeflow.wap.environments.promote import promote  # noqa: PLC0415 - as above

        return promote(self._world(), name, wait, observer)

    def drop(self, name: str) -> tuple[AssetKey, ...]:
        """Remove it with all that it built, and name the assets that it had a state of; `gc` then frees the files.

        UsageError where there is none of that name, BusyError while a run is at work in it.
        """
        return drop.drop_environment(self._world(), name)

    def refresh(self, name: str) -> tuple[AssetKey, ...]:
        """Let it read what readers of main see now, and name the assets whose own state it lets go by that: main has
        moved under them, and the next run in the environment makes them anew.

        UsageError where there is none of that name, BusyError while a run is at work in it.
        """
        return refresh_environment(self._world(), name)

    def drop_outdated(self) -> tuple[str, ...]:
        """Remove those that nobody used for so long as the setting `keep_environments` says; their names."""
        return drop.drop_outdated(self._world(), self._keep)

    @property
    def _keep(self) -> timedelta:
        return timedelta(seconds=parse_seconds(self._settings.keep_environments))
