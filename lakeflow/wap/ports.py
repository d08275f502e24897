"""What a run needs of the world: the ports, the clock, the settings, and who is acting."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lakeflow.core.compact.work import FILE_BYTES
from lakeflow.core.contract.drift import Drift
from lakeflow.core.errors import AssetError, UsageError
from lakeflow.core.model.asset import UNLIMITED, Asset, Limits, Project
from lakeflow.core.model.table import External, Scan, Table
from lakeflow.core.run.resources import SMALL, Resources
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import timedelta

    from lakeflow.core.keys import ExternalKey
    from lakeflow.core.model.file_source import FileSource
    from lakeflow.core.model.run import Holder
    from lakeflow.core.plan.in_time.late_rows import Touched
    from lakeflow.core.plan.landing import Delivery, FoundFile
    from lakeflow.core.ports.auditor import Auditor
    from lakeflow.core.ports.catalog import Catalog, Clock, Externals
    from lakeflow.core.ports.engine import Engine
    from lakeflow.core.ports.environments import EnvironmentRecords
    from lakeflow.core.ports.ledger import Ledger, Outbox
    from lakeflow.core.run.events import Logged
    from lakeflow.core.verify.values import Depth, Testimony


@dataclass(frozen=True)
class Invocation:
    """Who acts, from where. `look_at_git` and `look_at_release` are asked once, when something is written."""

    actor: str
    holder: Holder
    look_at_release: Callable[[], str]
    look_at_git: Callable[[], str] = lambda: ""

    @cached_property
    def version(self) -> str:
        """The release of lakeflow that acts."""
        return self.look_at_release()

    @cached_property
    def git(self) -> str:
        """`<commit>`, `<commit>+dirty` or `<commit>+unknown`; empty outside a repository."""
        return self.look_at_git()


@dataclass(frozen=True)
class Policy:
    """Settings that a run obeys; times are in seconds.

    `keep_snapshots` counts the ancestors of main that stay, and those that readers saw within `keep_age` stay too, for
    an asset that declares nothing else. `keep_held` says how long the
    branches of superseded runs stay. `limits` hold for an asset that declares none;
    `retry_pause` is the first pause before a retry, each next one is twice as long. At most `parallel` steps run at the
    same time; they divide the `machine` among themselves. A data file is closed once it is larger than `file_bytes`.
    """

    keep_snapshots: int = 50
    keep_age: timedelta | None = None
    keep_held: float = 604_800.0
    check_timeout: float = 600.0
    lease_seconds: float = 30.0
    limits: Limits = UNLIMITED
    retry_pause: float = 1.0
    machine: Resources = SMALL
    parallel: int = 1
    file_bytes: int = FILE_BYTES


class _NoCatalogs:
    """A lake that knows no other catalog."""

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        return {key: External(fault=f"no catalog {key.catalog!r} is configured") for key in keys}

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        raise AssetError(f"{table.key}: no catalog {table.key.catalog!r} is configured")


def _no_witness(table: Table, _depth: Depth) -> Testimony:
    raise AssetError(f"{table.key}: this lake has no files to look at", asset=table.key)


def _no_environments(_world: World, name: str) -> World:
    raise UsageError(f"this lake has no environments, and so no {name}", hint="leave `--env` out")


@dataclass(frozen=True)
class World:
    """The ports and the project. Engine and auditor are made when a run first needs them: a plan needs neither.

    `read_digest` is the fingerprint of a root's outside files; `outside_bytes` says how much the files are that globs
    match, as far as that can be told. `find_files` lists what a source's globs match, with
    content hashes; `find_drift` reads the columns that such files have; `changed_files` looks at these files again and
    names those that hold something else by now. `log` watches every run; `release` lets go of what was opened for
    the ports. `claim` is called before anything is written: LakeError where the warehouse is not this lake's.
    `make_environment` is called once the leases are held: whoever had them may have dropped this world's environment.
    `outbox` holds the alerts of what the ledger records; the story itself never asks for it. While `is_ending`, a
    run begins no further step. `looked` remembers what came to an input between two snapshots. `witness` reads what the
    files of a table tell of its history, of all data files too where that is asked. `is_library` tells the installed
    modules that are no part of the project. `environments` records those of the lake; `enter` gives the world of one,
    in which its branches stand where main stands: `environment` is its name, and `main` the world of main. `warm_up`
    loads what commits and scans need. `of_project` gives the fields that follow from the project's files.
    """

    project: Project
    catalog: Catalog
    ledger: Ledger
    make_engine: Callable[[], Engine]
    make_auditor: Callable[[], Auditor]
    clock: Clock
    new_id: Callable[[], str]
    read_digest: Callable[[Asset], str]
    invocation: Invocation
    policy: Policy = Policy()
    log: Callable[[Logged], None] = lambda _: None
    release: Callable[[], None] = lambda: None
    find_files: Callable[[FileSource], tuple[FoundFile, ...]] = lambda _: ()
    find_drift: Callable[[Asset, Delivery], Drift] = lambda _, __: Drift()
    changed_files: Callable[[Sequence[FoundFile]], tuple[str, ...]] = lambda _: ()
    outside_bytes: Callable[[Sequence[str]], int] = lambda _: 0
    externals: Externals = field(default_factory=_NoCatalogs)
    claim: Callable[[], None] = lambda: None
    make_environment: Callable[[], None] = lambda: None
    outbox: Outbox | None = None
    is_ending: Callable[[], bool] = lambda: False
    looked: dict[object, Touched] = field(default_factory=dict)
    witness: Callable[[Table, Depth], Testimony] = field(default_factory=lambda: _no_witness)
    is_library: Callable[[str], bool] = lambda _: False
    environments: EnvironmentRecords | None = None
    enter: Callable[[World, str], World] = _no_environments
    warm_up: Callable[[], None] = lambda: None
    of_project: Callable[[Project], Mapping[str, Any]] = lambda project: {"project": project}
    environment: str = ""
    main: World | None = None

    @cached_property
    def engine(self) -> Engine:
        return self.make_engine()

    @cached_property
    def auditor(self) -> Auditor:
        return self.make_auditor()

    def within(self, environment: str) -> World:
        """The world of an environment, which has an engine and an auditor of its own."""
        return replace(self.enter(self, environment), environment=environment, main=self)

    def as_it_stands(self, environment: str) -> World:
        """The world of an environment, which is not made anew where another process has dropped it meanwhile."""
        return replace(self.within(environment), make_environment=self.make_environment)

    @property
    def of_lake(self) -> World:
        """The world in which main is main, which settles the commits of all."""
        return self.main or self

    def with_project(self, project: Project) -> World:
        """The world of other files of the project. What was read of tables and of the ledger is not read again; the
        engine and the auditor of this one are closed.
        """
        changed = replace(self, looked={}, **self.of_project(project))
        self._close_made()
        return changed

    def close(self) -> None:
        try:
            self._close_made()
        finally:
            self.release()

    def _close_made(self) -> None:
        made = vars(self)
        for name in ("auditor", "engine"):
            if port := made.pop(name, None):
                port.close()
