"""Which environment is meant, and its world: the lake's own ports, seen through the branches of the environment."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lakeflow.adapters.ledger import SqlEnvironments, SqlLedger
from lakeflow.adapters.machine import git
from lakeflow.adapters.machine import process as processes
from lakeflow.core.environments.environment import GIT, TRUNKS, name_from, ref_of, require_name
from lakeflow.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lakeflow.adapters.ledger import SqlOutbox
    from lakeflow.core.ports.catalog import Clock
    from lakeflow.core.settings.settings import Settings
    from lakeflow.lake.keeping.databases import LakeDatabase
    from lakeflow.wap import World


def environment_meant(settings: Settings, root: Path) -> str:
    """The name of the environment that the settings mean; empty: main. UsageError for what cannot be a name."""
    if settings.env in TRUNKS:
        return ""
    if settings.env != GIT:
        return require_name(settings.env)
    branch = git.branch(root)
    if branch is None:
        raise UsageError(
            "the environment is that of the git branch, and no branch is checked out here",
            hint="name it: `--env pr_123`, or `--env main` for main itself",
        )
    return "" if branch in TRUNKS else name_from(branch)


def refuse_environment(settings: Settings, root: Path, what: str) -> None:
    """UsageError, which names the branch, where the settings mean an environment and `what` is of main alone."""
    if name := environment_meant(settings, root):
        raise UsageError(
            f"{what}, and not environment {name}",
            hint=f"say `--env main`, and read the branch {ref_of(name)} in place of main",
        )


def entering(settings: Settings, database: LakeDatabase, now: Clock, silent: SqlOutbox) -> partial[World]:
    """What gives the world of an environment from that of the lake. Nothing that happens in it alerts anybody, and its
    runs are no runs of the lake.
    """
    return partial(_entered, settings, database, now, silent)


def _entered(  # noqa: PLR0913, PLR0917 - what the world of an environment is made of
    settings: Settings, database: LakeDatabase, now: Clock, silent: SqlOutbox, world: World, name: str
) -> World:
    from lakeflow.wap.environments.catalog import EnvironmentCatalog  # noqa: PLC0415 - most commands look at main
    from lakeflow.wap.environments.make import make  # noqa: PLC0415 - as above

    environments = SqlEnvironments(database, now)

    def reader() -> str:
        """The readers of main are those of an environment that is not made yet."""
        return name if environments.find(name) else ""

    return replace(
        world,
        catalog=EnvironmentCatalog(world.catalog.seen_by(reader), environments, name),
        ledger=SqlLedger(database, processes.is_alive, now, settings.lease_seconds, environment=name),
        make_environment=partial(make, world.catalog, environments, name),
        outbox=silent,
        looked={},
    )
