"""Assets whose rows a test gives: they stand for those of the project, so that others can be tested without them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from lakeflow.core.keys import EMPTY, AssetKey, ExternalKey, TableKey
from lakeflow.core.model.asset import Asset, Column, Project, SqlCode
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import MAIN, External, Scan, Snapshot, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.code_terms import FREELY, Terms

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


def with_stand_ins(
    project: Project, given: Mapping[AssetKey, Scan], landed: Mapping[AssetKey, Path], added: Set[AssetKey]
) -> Project:
    """The project with an asset without inputs, key, checks and masks in the place of each that is given; those in
    `added` append what is given. Assets that land files find them in the folder that is named in `landed`.
    """
    assets = {key: asset for key, asset in project.assets.items() if owner_of(key) not in given}
    for key, folder in landed.items():
        source = project.assets[key].files
        assert source is not None, "only what has a source lands files"
        assets[key] = replace(assets[key], files=replace(source, globs=(f"{folder}/**/*",)))
    modes = {key: WriteMode.APPEND if key in added else WriteMode.REPLACE for key in given}
    assets |= {key: _stand_in(project.assets[key], mode, given[key].schema) for key, mode in modes.items()}
    suites = {key: suite for key, suite in project.suites.items() if key not in given}
    return replace(project, assets=assets, suites=suites)


def _stand_in(asset: Asset, mode: WriteMode, schema: Schema) -> Asset:
    # What is given is what the table holds: a mask would hide it once more.
    columns = {name: Column(pii=column.pii) for name, column in asset.columns.items() if schema.find(name)}
    code = SqlCode(f"SELECT * FROM {asset.key}", "the rows that the test gives", 1)
    return Asset(asset.key, code, mode, columns=columns, kind=asset.kind, code_version="given")


class GivenExternals:
    """Tables of other catalogs, which a test has only as far as it gives them: no catalog of anybody is asked."""

    def __init__(self, given: Mapping[ExternalKey, Scan]) -> None:
        self._given = given

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        return {key: self._found(key) for key in keys}

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        return replace(self._given[table.key], snapshot_id=snapshot_id)

    def _found(self, key: ExternalKey) -> External:
        scan = self._given.get(key)
        if scan is None:
            return External(fault=f"{key}: the test gives no rows", hint=f'lake.given("{key}", [{{...}}])')
        snapshot = Snapshot(_id_of(scan), None, _LONG_AGO, "append", {"total-records": str(scan.rows)}, 0)
        table = Table(
            key=key,
            uuid=str(key),
            location="given",
            version=f"given-{snapshot.id}",
            format_version=2,
            schema_id=0,
            schemas={0: scan.schema},
            last_column_id=len(scan.schema.fields),
            snapshots={snapshot.id: snapshot},
            refs={MAIN: snapshot.id},
        )
        return External(table)


def _id_of(scan: Scan) -> int:
    """Other rows are another snapshot."""
    return int.from_bytes(sha256(repr((scan.files, scan.schema)).encode()).digest()[:7]) + 1


class GivingEngine:
    """An engine whose stand-ins read the rows that were given; all else is done by the engine behind it."""

    def __init__(self, engine: Engine, given: Mapping[AssetKey, Scan]) -> None:
        self._engine = engine
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def produce(
        self, asset: Asset, inputs: Mapping[TableKey, Scan] = EMPTY, terms: Terms = FREELY
    ) -> AbstractContextManager[Produced]:
        given = self._given.get(asset.key)
        return self._engine.produce(asset, inputs if given is None else {asset.key: given}, terms)
