"""Assets whose rows a test gives: they stand for those of the project, so that others can be tested without them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset, Column, Project, SqlCode
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports import Engine, Produced
from lakeflow.core.run.code_terms import FREELY, Terms


def with_stand_ins(project: Project, given: Mapping[AssetKey, Scan], landed: Mapping[AssetKey, Path]) -> Project:
    """The project with an asset without inputs, key, checks and masks in the place of each that is given; those that
    land files find them in the folder that is named in `landed`.
    """
    assets = {key: asset for key, asset in project.assets.items() if owner_of(key) not in given}
    for key, folder in landed.items():
        source = project.assets[key].files
        assert source is not None, "only what has a source lands files"
        assets[key] = replace(assets[key], files=replace(source, globs=(f"{folder}/**/*",)))
    assets |= {key: _stand_in(project.assets[key]) for key in given}
    suites = {key: suite for key, suite in project.suites.items() if key not in given}
    return replace(project, assets=assets, suites=suites)


def _stand_in(asset: Asset) -> Asset:
    # What is given is what the table holds: a mask would hide it once more.
    columns = {name: Column(pii=column.pii) for name, column in asset.columns.items()}
    code = SqlCode(f"SELECT * FROM {asset.key}", "the rows that the test gives", 1)
    return Asset(asset.key, code, WriteMode.REPLACE, columns=columns, kind=asset.kind, code_version="given")


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
