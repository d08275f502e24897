"""The examples of a project, run in a folder of their own that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from lakeflow.adapters.duckdb.code.masks import Privacy
from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.given.expected import compared
from lakeflow.adapters.duckdb.given.store import GivenRows
from lakeflow.adapters.machine.files import source_files as outside
from lakeflow.core.errors import UsageError
from lakeflow.core.expected.compare import RowDifference
from lakeflow.core.expected.outcome import ExampleResult
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Column, Project
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.plan.landing import Delivery
from lakeflow.core.ports.auditor import Auditor
from lakeflow.core.ports.engine import Produced
from lakeflow.core.settings.settings import Settings
from lakeflow.core.version.salt import Salt
from lakeflow.core.view.lineage import personal
from lakeflow.lake.assembly import auditor_apart
from lakeflow.lake.binding import bound
from lakeflow.wap.look.examples import Examples

_SALT = Salt(b"the salt of examples, which hides nothing")
"""So that what is expected of a hash is the same on every machine."""


def run(project: Project, settings: Settings, keys: Sequence[AssetKey]) -> tuple[ExampleResult, ...]:
    """What comes of the examples of these assets, in their order. Nothing of the lake is read or written."""
    if not any(project.assets[key].examples for key in keys):
        return ()
    with _bench(project, settings) as bench:
        examples = Examples(project, bound(project, {}).schemas, bench, settings.check_timeout)
        return tuple(result for key in keys for result in examples.results(project.assets[key]))


class _DuckBench:
    """One DuckDB in this process, and an audit worker once checks are asked for."""

    def __init__(self, project: Project, settings: Settings, folder: Path, after: ExitStack) -> None:
        self._project, self._settings, self._after = project, settings, after
        self._files = folder / "files"
        self._files.mkdir()
        privacy = Privacy(personal(project), _SALT)
        spill = str(folder / "spill")
        self.engine = DuckEngine(
            str(self._files), settings.memory_limit, settings.threads, spill, privacy=privacy, caps=settings.caps
        )
        after.callback(self.engine.close)
        self._rows = GivenRows(self.engine, folder / "given")

    @cached_property
    def auditor(self) -> Auditor:
        return self._after.enter_context(auditor_apart(self._project, self._settings))

    def store(self, key: TableKey, rows: object, known: Schema | None, declared: Mapping[str, Column] = EMPTY) -> Scan:
        return self._rows.store(key, rows, known, declared)

    def write(self, key: TableKey, output: Produced, schema: Schema) -> Scan:
        return self._rows.write(key, output, schema)

    def compare(self, came: Scan, expected: object) -> RowDifference:
        return compared(self._rows, self.engine, came, expected)

    def deliver(self, asset: Asset, files: Mapping[str, str]) -> Delivery:
        rmtree(self._files)
        self._files.mkdir()
        for name, text in files.items():
            path = self._files / name
            if not path.resolve().is_relative_to(self._files.resolve()):
                raise UsageError(f"the file {name!r} lies outside of the project", hint="name it from the root")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        if asset.files is None:
            return Delivery(())
        if absolute := next((glob for glob in asset.files.globs if Path(glob).is_absolute()), None):
            raise UsageError(
                f"{asset.key} lands {absolute}, which is no file of the project", hint="test it with pytest: lake.files"
            )
        hashes = outside.Hashes(self._files.parent / "hashes.json")
        found = outside.find_files(self._files, hashes, asset.files.globs)
        if not found:
            raise UsageError(
                f"none of the files {', '.join(files)} is one that {asset.key} lands",
                hint=f"it lands {', '.join(asset.files.globs)}",
            )
        return Delivery(found)


@contextmanager
def _bench(project: Project, settings: Settings) -> Iterator[_DuckBench]:
    with TemporaryDirectory(prefix="lakeflow-", ignore_cleanup_errors=True) as folder, ExitStack() as after:
        yield _DuckBench(project, settings, Path(folder).resolve(), after)
