"""An asset as it was declared when its kept code ran, from the fields that count for a code version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lakeflow.core.declare.declaration import Declaration, read_declaration
from lakeflow.core.declare.fields import EXAMPLES
from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Asset, Column, Deletes, PythonCode
from lakeflow.core.model.file_source import VERSION_FIELDS
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.version.fingerprint import data_fields

_LIES_IN_FILES: Final = frozenset({"partition_by", "sort_by"})
"""Fields that say how rows lie in files, and change none."""


def declared_as(asset: Asset, kept: Mapping[str, Any], now: Mapping[str, Any]) -> Asset | str:
    """The asset with the kept fields in place of its own (`now`), or why they do not tell how it was declared.

    A personal column of today stays one, whatever was said of it then.
    """
    if _counted(kept) == _counted(now):
        return asset
    declaration, flaws = read_declaration(_raw(kept), tuple(EXAMPLES))
    if flaws or declaration.write is None or data_fields(declaration, declaration.write) != dict(kept):
        return "it was declared in words that mean something else today"
    timeline = _timeline(asset, declaration)
    if isinstance(timeline, str):
        return timeline
    return replace(_as(asset, declaration, declaration.write), timeline=timeline)


def _counted(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in _LIES_IN_FILES}


def _raw(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as an author writes them."""
    raw = dict(kept)
    if "keep" in raw:
        raw["keep"] = f"last by {raw['keep']}"
    if "source" in raw:
        raw["source"] = _raw_source(raw["source"])
    return raw


def _raw_source(kept: Mapping[str, Any]) -> dict[str, Any]:
    raw = {**kept, "columns": dict(kept.get("columns", ()))}
    if "versions" in raw:
        raw["versions"] = [_raw_version(version) for version in raw["versions"]]
    return raw


def _raw_version(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A version is kept as a whole source; what a version cannot say is as in the source around it."""
    return {name: value for name, value in _raw_source(kept).items() if name in VERSION_FIELDS}


def _timeline(asset: Asset, then: Declaration) -> Timeline | str | None:
    """When partitions in time begin does not count, and so is not kept: that of today stands for that of then."""
    if then.partition is None:
        return None
    line = asset.timeline
    if line is None or (line.unit, line.column) != then.partition:
        return "it had other partitions in time then, and when they began is not kept"
    return line


def _as(asset: Asset, then: Declaration, write: WriteMode) -> Asset:
    inputs = {name: key for name, of in then.inputs.items() if (key := AssetKey.find(of))}
    draft = AssetDraft(asset.key, then, asset.code, inputs or asset.inputs)
    return replace(
        asset,
        write=write,
        inputs=inputs if isinstance(asset.code, PythonCode) else asset.inputs,
        externals=_externals(then),
        primary_key=then.key,
        last_by=then.keep,
        deleted=then.deleted,
        at=then.at,
        track=then.track,
        deletes=then.deletes or Deletes.IGNORE,
        layout=draft.layout,
        columns=_columns(asset, then),
        reads=then.reads,
        files=then.source and (then.source.within(asset.files.caps) if asset.files else then.source),
        new_rows=frozenset(key for key, _ in then.incremental),
        new_keys={key: by for key, by in then.incremental if by},
    )


def _externals(then: Declaration) -> dict[str, ExternalKey]:
    by_name = {str(key): key for key in then.external}
    bound = {name: by_name[of] for name, of in then.inputs.items() if of in by_name}
    return {name: key for name, key in by_name.items() if key not in bound.values()} | bound


def _columns(asset: Asset, then: Declaration) -> dict[str, Column]:
    """The columns of then; one that is personal today is so in what is told of them."""
    mine = {
        name: replace(column, pii=True) if name.lower() in asset.pii else column
        for name, column in then.columns.items()
    }
    told = {name.lower() for name in mine}
    today = {name: Column(pii=True) for name in asset.columns if name.lower() in asset.pii and name.lower() not in told}
    return mine | today
