"""The quarantine of an asset, `<asset>__quarantine`: the table that takes the rows which its row checks refuse.

It is an asset like any other: it is branched, audited, published, discarded and rolled back. Only its rows have another
origin: the write of its owner splits them off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import Fault
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, Column, Deletes, SqlCode
from lakeflow.core.model.check import CheckKind, Suite
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.write_mode import ANEW, BESIDE, WriteMode
from lakeflow.core.values import dataclass

SUFFIX: Final = "__quarantine"
CHECK, REASON, RUN, INPUTS = "_check", "_reason", "_run", "_inputs"
COLUMNS: Final = (CHECK, REASON, RUN, INPUTS)
"""Added to the columns of the asset: the first check that the row fails, all of them, the run, and the snapshots that
the row was made from, as JSON.
"""

LINE, TEXT = "_line", "_text"
MALFORMED: Final = "malformed"
"""Stands in `_check` of a row that was not as its source declares. Such a row has `_line` and `_text`, its place in its
file and what stands there, and no value of the asset's columns.
"""


@dataclass(frozen=True)
class Refusal:
    """A row check whose failing rows go to quarantine: its SQL is TRUE for such a row.

    If more than `max_fraction` of the rows fail the check, none is split off, and the check holds the step.
    """

    check: str
    bad: str
    max_fraction: float = 1.0


def quarantine_key(key: AssetKey) -> AssetKey:
    return AssetKey(key.layer, key.name + SUFFIX)


def owner_of(key: AssetKey) -> AssetKey | None:
    """The asset that this quarantine belongs to; None for any other table."""
    return AssetKey(key.layer, key.name.removesuffix(SUFFIX)) if key.name.endswith(SUFFIX) else None


def asks_for_quarantine(suite: Suite) -> bool:
    """Does a check file of the asset ask for a quarantine? Only the audit can tell whether the check can have one."""
    texts = (file.text for file in suite.files if file.kind is CheckKind.SUITE)
    return any("on_fail" in text and "quarantine" in text for text in texts)


def quarantine_faults(assets: Mapping[AssetKey, Asset], suites: Mapping[AssetKey, Suite]) -> Iterator[Fault]:
    """The suites that ask for a quarantine which their asset cannot have."""
    for key, asset in assets.items():
        if asset.deletes is Deletes.CLOSE and key in suites and asks_for_quarantine(suites[key]):
            path = next(file.path for file in suites[key].files if "on_fail" in file.text)
            hint = "let the check hold the step, or drop deletes: a refused row would end the version of its key"
            yield Fault(path, 1, f"{key} closes keys that do not come, and has no quarantine", hint)


def with_quarantines(assets: Mapping[AssetKey, Asset], suites: Mapping[AssetKey, Suite]) -> dict[AssetKey, Asset]:
    """All assets, each followed by its quarantine if it has one."""
    found: dict[AssetKey, Asset] = {}
    for key, asset in assets.items():
        found[key] = asset
        asks = key in suites and asks_for_quarantine(suites[key]) and asset.deletes is not Deletes.CLOSE
        if asks or puts_apart(asset):
            found[quarantine_key(key)] = _quarantine(asset)
    return found


def with_their_quarantines(assets: Mapping[AssetKey, Asset], keys: Iterable[AssetKey]) -> tuple[AssetKey, ...]:
    """The selected assets, each owner together with its quarantine."""
    asked = {owner_of(key) or key for key in keys}
    return tuple(key for key in assets if (owner_of(key) or key) in asked)


def puts_apart(asset: Asset) -> bool:
    """Do malformed rows of its files go to its quarantine?"""
    return asset.files is not None and asset.files.puts_apart


def quarantine_schema(asset: Asset, schema: Schema) -> Schema:
    """The columns of the asset and those that describe the refusal; ids are unassigned."""
    own = tuple(replace(field, required=False) for field in schema.fields)
    place = (Field(LINE, Primitive("long")), Field(TEXT, Primitive("string"))) if puts_apart(asset) else ()
    return Schema((*own, *(Field(name, Primitive("string")) for name in COLUMNS), *place))


def _columns(asset: Asset) -> dict[str, Column]:
    """Those of the asset. The text of a row is as personal as any column of it."""
    columns = {name: replace(column, type=None, mask=None) for name, column in asset.columns.items()}
    return columns | ({TEXT: Column(pii=True)} if puts_apart(asset) and asset.pii else {})


def quarantine_mode(asset: Asset, write: WriteMode) -> WriteMode:
    """How the quarantine of an asset is written beside a write in this mode. Where each write reads rows that no write
    read before, refusals are added; where it reads the same rows again, they are judged anew.
    """
    once = write.traits.adds or (write.traits.keyed and bool(asset.new_rows))
    return BESIDE if once else ANEW


def _quarantine(asset: Asset) -> Asset:
    return Asset(
        key=quarantine_key(asset.key),
        code=SqlCode("", asset.code.path, asset.code.line),
        write=quarantine_mode(asset, asset.write),
        inputs={str(asset.key): asset.key},
        columns=_columns(asset),
        description=f"Rows of {asset.key} that its checks refuse.",
        owner=asset.owner,
        tags=asset.tags,
        keep_snapshots=asset.keep_snapshots,
        keep_age=asset.keep_age,
        allow_empty=True,
        code_version=asset.code_version,
        source=asset.source,
        salt=asset.salt,
        renamed_from=quarantine_key(asset.renamed_from) if asset.renamed_from else None,
        files=None,
        externals=EMPTY,
    )
