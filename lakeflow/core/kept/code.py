"""The code that a recorded snapshot was made by: today's where it is the same, else what the ledger keeps of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lakeflow.core.kept.declared import declared_as
from lakeflow.core.kept.function import lacks
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Computer, PythonCode, SparkSql, SqlCode
from lakeflow.core.model.provenance import Provenance

_OTHER = "its code is another today"


def code_of(
    asset: Asset, made: Provenance, source: str | None, today: str, is_library: Callable[[str], bool]
) -> Asset | str:
    """The asset with the code of then, or why that is not here. `source` is what the ledger keeps of it, `today` its
    version as today's algorithm spells it; `is_library` tells the installed modules that are no part of the project.

    Today's code runs where it is the same. Else the kept text does, where it is all that ran.
    """
    if today == asset.code_version:
        return asset
    if source is None:
        return f"{_OTHER}, and the ledger does not keep that of then"
    kept, now = json.loads(source), json.loads(asset.source or "{}")
    code = _code(asset, kept, is_library)
    if isinstance(code, str):
        return f"{_OTHER}, and of that of then {code}"
    told = declared_as(replace(asset, code=code), kept.get("fields", {}), now.get("fields", {}))
    if isinstance(told, str):
        return f"{_OTHER}, and {told}"
    if isinstance(code, SqlCode | SparkSql):
        told = replace(told, inputs={name: key for name in made.inputs if (key := AssetKey.find(name))})
    return replace(told, code_version=made.code_version, source=source, salt=made.salt)


def _code(
    asset: Asset, kept: Mapping[str, Any], is_library: Callable[[str], bool]
) -> SqlCode | SparkSql | PythonCode | str:
    """The kept text as code, or what of it is not kept."""
    engine = Computer(kept.get("fields", {}).get("engine", Computer.DUCKDB))
    if kept.get("kind") == "sql":
        kind = SparkSql if engine is Computer.SPARK else SqlCode
        return kind(str(kept["text"]), asset.code.path, asset.code.line)
    missing = lacks(kept, asset, is_library)
    return missing or PythonCode(_elsewhere, asset.code.path, asset.code.line, kept=True, engine=engine)


def _elsewhere() -> None:
    """Stands in for a function that is made of its text in the process that runs it."""
    raise AssertionError("the function is in another process")
