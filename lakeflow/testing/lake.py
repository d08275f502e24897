"""The project of a test as a lake in a folder of its own: nothing of the real lake is read or written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from lakeflow.core.errors import AssetError, LakeflowError, UsageError
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import RunRecord, StepState
from lakeflow.core.model.table import MAIN, Scan
from lakeflow.core.ports.engine import Engine
from lakeflow.core.settings.settings import Settings
from lakeflow.core.values import dataclass
from lakeflow.core.version.salt import VARIABLE, with_salt
from lakeflow.lake.lake import Lake
from lakeflow.project import load_settings
from lakeflow.testing.stand_ins import GivenExternals, GivingEngine, with_stand_ins
from lakeflow.testing.words import held_fault, published_fault, rows_fault
from lakeflow.wap import World

if TYPE_CHECKING:
    from lakeflow.adapters.duckdb.engine import DuckEngine
    from lakeflow.adapters.duckdb.given.store import GivenRows
    from lakeflow.core.model.schema import Schema

_SALT: Final = "the salt of tests, which hides nothing"


class SettableClock:
    """The time of a lake under test: the machine's, or one that goes on from a given moment."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def set(self, moment: datetime) -> None:
        self._ahead = moment - datetime.now(UTC)


@dataclass(frozen=True, repr=False)
class _LakeOfTest(Lake):
    """A lake with a clock and given rows of its own."""

    clock: SettableClock = field(default_factory=SettableClock)
    given: Mapping[AssetKey, Scan] = field(default_factory=dict)
    externals: Mapping[ExternalKey, Scan] = field(default_factory=dict)

    @cached_property
    def _world(self) -> World:
        from lakeflow.lake import assembly  # noqa: PLC0415 - a fixture that only loads the project opens no catalog

        world = assembly.assemble(self.project, self.configured, self.clock)
        make = world.make_engine
        giving = GivenExternals(self.externals)
        return replace(world, make_engine=lambda: cast(Engine, GivingEngine(make(), self.given)), externals=giving)

    def key(self, asset: str) -> AssetKey:
        return self._one(asset)

    def scan(self, asset: str, snapshot: str | None) -> Scan:
        return self._scan(asset, MAIN, snapshot, None)


@contextmanager
def _hinting(*more: str) -> Iterator[None]:
    """pytest shows the notes of an error, and knows nothing of hints."""
    try:
        yield
    except LakeflowError as error:
        error.add_note("; ".join(filter(None, (error.hint, *more))))
        raise


class LakeUnderTest:
    """The project around `root`, its tables in `folder`.

    Settings are the project's, except for where tables, database and logs are; alerts and telemetry are off. What the
    test gives stands in for an asset; all else is the project's own code and checks.
    """

    def __init__(self, root: Path, folder: Path, project: Project, settings: Mapping[str, str] | None = None) -> None:
        environ = {VARIABLE: _SALT, **os.environ}
        own = {
            "state_dir": str(folder / "state"),
            "warehouse": str(folder / "warehouse"),
            "catalog": f"sqlite:///{folder / 'catalog.db'}",
            "allow_network_filesystem": "true",
            "env": "main",
            **(settings or {}),
        }
        configured, self._sources = load_settings(root, environ, own)
        self._settings: Settings = replace(configured, alerts=(), otel=False)
        self._project = with_salt(project, environ)
        self._folder = folder
        self._clock = SettableClock()
        self._given: dict[AssetKey, Scan] = {}
        self._externals: dict[ExternalKey, Scan] = {}
        self._waiting: set[AssetKey] = set()
        self._added: set[AssetKey] = set()
        self._landed: dict[AssetKey, Path] = {}
        self._last: RunRecord | None = None

    @property
    def lake(self) -> Lake:
        """The lake itself, for all that this class has no word for. Giving rows opens it anew."""
        return self._open

    def given(self, asset: str, rows: object) -> None:
        """Let the asset, or an external table, hold these rows and no other, whatever its own code says: dicts, CSV
        text or a frame.

        They have the types that the asset's columns have, as far as its SQL or its declaration says; a column that is
        not given is NULL. UsageError for a column that it does not have, and for a value that does not fit.
        """
        if external := self._external(asset):
            with _hinting():
                self._externals[external] = self._store.store(external, rows, None)
            return
        key = self._key(asset)
        self._given[key] = self._stored(key, rows)
        self._added.discard(key)
        self._waiting.add(key)
        self._let_go()

    def add(self, asset: str, rows: object) -> None:
        """Append rows to what the asset was given before, so that assets which read only new rows see these. In the
        forms of `given`.
        """
        key = self._key(asset)
        rows_added = self._stored(key, rows)
        if key in self._waiting:
            self._publish_given()
        self._given[key] = rows_added
        self._added.add(key)
        self._waiting.add(key)
        self._let_go()

    def files(self, asset: str, contents: Mapping[str, str | bytes]) -> None:
        """Let these files, by their names, be what a bronze asset with a `source` finds, besides those of earlier
        calls.

        UsageError for an asset that lands no file.
        """
        key = self._key(asset)
        if self._project.assets[key].files is None:
            raise UsageError(f"{key} lands no file", hint=f'give it rows: lake.given("{key}", [{{...}}])')
        folder = self._landed.setdefault(key, self._folder / "files" / str(key))
        for name, content in contents.items():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise UsageError(f"the file {name!r} would lie outside of the test's folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._let_go()

    def at(self, moment: datetime) -> None:
        """Let it be that moment now, as runs, freshness and partitions in time see it. The clock goes on from there."""
        if moment.tzinfo is None:
            raise UsageError("the moment has no time zone", hint="datetime(2026, 3, 1, tzinfo=UTC)")
        self._clock.set(moment)

    def materialize(self, *selection: str, exclude: str = "", **options: Any) -> RunRecord | None:
        """Write, audit and publish, as `Lake.materialize` does with the same words; what was given is published before.

        Of the run `assert_published` and `assert_held` tell. UsageError for an input that has no rows yet.
        """
        if self._waiting:
            self._publish_given()
        added = map(str, sorted(self._added))  # to build them again would append their rows once more
        with _hinting('a test gives rows: lake.given("layer.name", [{...}])'):
            self._last = self.lake.materialize(*selection, exclude=" ".join((exclude, *added)), **options)
        return self._last

    def rows(self, asset: str) -> list[dict[str, object]]:
        """The rows that the last run wrote of the asset, held or published, as dicts in no order; where it wrote none,
        those that readers see.
        """
        snapshot = self._held(self._key(asset))
        found: list[dict[str, object]] = self.lake.read(asset, snapshot=snapshot).to_arrow_table().to_pylist()
        return found

    def assert_published(self, *assets: str) -> None:
        """The last run published these assets, or all that it built."""
        __tracebackhide__ = True
        if fault := published_fault(self._last, [self._key(asset) for asset in assets]):
            raise AssertionError(fault)

    def assert_held(self, asset: str = "", *, check: str = "") -> None:
        """The last run held that asset, or any, because of the check of that name, or of any."""
        __tracebackhide__ = True
        if fault := held_fault(self._last, self._key(asset) if asset else None, check):
            raise AssertionError(fault)

    def assert_rows(self, asset: str, expected: object) -> None:
        """The asset has exactly these `rows`, in any order: dicts, CSV text or a frame. Of its columns those count that
        are expected; values are compared exactly, in the types of the table.
        """
        __tracebackhide__ = True
        if fault := self._difference(self._key(asset), expected):
            raise AssertionError(fault)

    def close(self) -> None:
        """Let go of database, engine and processes."""
        self._let_go()
        if engine := self.__dict__.pop("_engine", None):
            engine.close()

    def _stored(self, key: AssetKey, rows: object) -> Scan:
        with _hinting():
            return self._store.store(key, rows, self._schemas.get(key), self._project.assets[key].columns)

    def _difference(self, key: AssetKey, expected: object) -> str:
        from lakeflow.adapters.duckdb.given.expected import compared  # noqa: PLC0415 - only who compares rows needs it

        step = self._last.step(key) if self._last else None
        if step and not step.done and step.state is not StepState.HELD:
            return published_fault(self._last, (key,))
        scan = self._open.scan(str(key), self._held(key))
        if scan.snapshot_id is None:
            return f"nobody sees a row of {key}\n{published_fault(self._last, (key,))}"
        return rows_fault(key, compared(self._store, self._engine, scan, expected))

    def _held(self, key: AssetKey) -> str | None:
        """The snapshot of the asset that the last run held, if it did."""
        step = self._last.step(key) if self._last else None
        return f"s{step.snapshot_id}" if step and step.state is StepState.HELD and step.snapshot_id else None

    def _key(self, asset: str) -> AssetKey:
        return self._open.key(asset)

    def _external(self, name: str) -> ExternalKey | None:
        every = (key for asset in self._project.assets.values() for key in asset.external)
        return next((key for key in every if str(key) == name), None)

    @cached_property
    def _open(self) -> _LakeOfTest:
        project = with_stand_ins(self._project, self._given, self._landed, self._added)
        return _LakeOfTest(
            project, self._settings, self._sources, clock=self._clock, given=self._given, externals=self._externals
        )

    def _let_go(self) -> None:
        if lake := self.__dict__.pop("_open", None):
            lake.close()

    @cached_property
    def _engine(self) -> DuckEngine:
        from lakeflow.adapters.duckdb.engine import DuckEngine  # noqa: PLC0415 - only who gives rows needs it

        return DuckEngine(str(self._folder), None, 2, str(self._folder / "spill"))

    @cached_property
    def _store(self) -> GivenRows:
        from lakeflow.adapters.duckdb.given.store import GivenRows  # noqa: PLC0415 - as said above

        return GivenRows(self._engine, self._folder / "given")

    @cached_property
    def _schemas(self) -> Mapping[AssetKey, Schema]:
        """The columns of the project's assets, as far as their SQL tells them."""
        from lakeflow.lake.binding import bound  # noqa: PLC0415 - as said above

        return bound(self._project, {}).schemas

    def _publish_given(self) -> None:
        run = self.lake.materialize(*map(str, sorted(self._waiting)), force=True)
        if fault := published_fault(run, sorted(self._waiting)):
            raise AssetError(f"what the test gives cannot be read back\n{fault}")
        self._waiting.clear()
