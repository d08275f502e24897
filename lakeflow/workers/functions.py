"""Finds the functions of a project's assets in a process that has not loaded the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from lakeflow.core.declare.particular.engine_laws import DUCKDB_RUNS, EngineDefaults
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import Layer
from lakeflow.core.model.asset import Asset, Computer
from lakeflow.core.version.fingerprint import salted
from lakeflow.project.modules import Modules
from lakeflow.project.python_files import PythonFile
from lakeflow.project.sources import Sources

_RUN_BY: Final = {Computer.DUCKDB: DUCKDB_RUNS, Computer.SPARK: EngineDefaults(frozenset(Layer))}
"""The plan knows what runs an asset that does not say so."""


class ProjectFunctions:
    """Imports only the files that the requested function reaches, and each of them once."""

    def __init__(self, root: str) -> None:
        self._sources = Sources(Path(root))
        self._modules = Modules(self._sources)

    def of(self, asset: Asset) -> Asset:
        """The asset with its function. AssetError when the files have changed since the plan."""
        path = self._sources.root / asset.code.path
        self._sources.engines = _RUN_BY[asset.engine]
        read = PythonFile(path, asset.key.layer, self._sources, self._modules).read()
        draft = next((draft for draft in read.drafts if draft.key == asset.key), None)
        if read.faults:
            fault = read.faults[0]
            raise AssetError(f"{asset.key}: {fault}", hint=fault.hint, asset=asset.key)
        # What hashes has the salt's fingerprint in its source.
        if draft is None or (salted(draft.source, asset.salt) if asset.salt else draft.source) != asset.source:
            raise AssetError(
                f"{asset.key}: its code changed after it was planned ({asset.code.path})",
                hint="run it again, on the code as it is now",
                asset=asset.key,
            )
        return replace(asset, code=draft.code)
