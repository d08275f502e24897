"""The rows that Spark has computed, as files in a scratch folder: every row counted, columns by number.

The lake's own engine reads them from there, with each value in the type that Spark gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pyarrow.parquet as pq

from lakeflow.adapters.spark.read import location
from lakeflow.adapters.spark.types import numbered, spark_type
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Limits
from lakeflow.core.model.foreign import Mapped
from lakeflow.core.model.schema import Field, Schema, children
from lakeflow.core.model.table import Scan
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_SHARE: Final = 'share a folder among driver and executors, and name it: scratch = "/mnt/…" in [tool.lakeflow.spark]'

_TRIES: Final = 3
_AGAIN: Final = "it was too busy to tell: `lakeflow retry` tries again"


def computed(frames: Sequence[DataFrame], schema: Schema, folder: Path) -> tuple[Path, ...]:
    """Compute the frames into files below `folder`. AssetError where rows that were computed are not there."""
    found: list[Path] = []
    for frame in frames:
        target, came = _counted(frame, schema, folder)
        files = sorted(target.glob("part-*.parquet"))
        there = sum(pq.read_metadata(file).num_rows for file in files)
        if there != came:
            said = f"Spark computed {counted(came, 'row')}, and {there} came to {folder.parent}"
            raise AssetError(said, hint=_SHARE)
        found += files
    return tuple(found)


def _counted(frame: DataFrame, schema: Schema, folder: Path) -> tuple[Path, int]:
    """Where the rows of one frame are, and how many Spark has counted. A busy server of Spark Connect may answer before
    it has the count: then all is done again, for rows that nobody counted could be too few.
    """
    for _ in range(_TRIES):
        target = folder / uuid4().hex
        if (came := _write(frame, schema, target)) is not None:
            return target, came
    raise AssetError(f"Spark wrote {_TRIES} times, and never said how many rows", hint=_AGAIN)


def _write(frame: DataFrame, schema: Schema, target: Path) -> int | None:
    """Write one frame, and say how many rows Spark has counted; None where it does not say."""
    from pyspark.sql import Observation  # noqa: PLC0415 - what this module needs of Spark, and no type
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - as everybody calls it

    plain = frame.toDF(*(f"c{place}" for place in range(len(schema.fields))))
    cast = [plain[f"c{place}"].cast(spark_type(field.type)) for place, field in enumerate(schema.fields)]
    seen = Observation()
    named = (column.alias(f"c{place}") for place, column in enumerate(cast))
    rows = plain.select(*named).observe(seen, F.count(F.lit(1)).alias("rows"))
    rows.write.mode("error").parquet(location(str(target)))
    came = seen.get.get("rows")
    return None if came is None else int(came)


def refuse_too_many(asset: Asset, files: Sequence[Path], limits: Limits) -> None:
    """AssetError where there are more rows than the asset may give."""
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    if limits.max_rows and rows > limits.max_rows:
        said = f"it gives {counted(rows, 'row')}, more than its max_rows of {limits.max_rows:,}"
        hint = "look for a join that multiplies rows, or raise the bound on the asset or in [tool.lakeflow]"
        raise AssetError(f"{asset.key}: {said} ({asset.place})", hint=hint, asset=asset.key)


def scan_of(key: AssetKey, schema: Schema, files: Sequence[Path]) -> Scan:
    """The files as the rows of a snapshot; their columns are told by name, since Spark gives no ids to elements."""
    fields, _ = numbered(schema.fields)
    names = tuple(_mapped(field, f"c{place}") for place, field in enumerate(fields))
    return Scan(
        key=key,
        snapshot_id=None,
        schema=Schema(fields),
        files=tuple(map(str, files)),
        rows=sum(pq.read_metadata(file).num_rows for file in files),
        bytes=sum(file.stat().st_size for file in files),
        unmarked=True,
        names=names,
    )


def _mapped(field: Field, name: str) -> Mapped:
    return Mapped(frozenset({name}), field.id, tuple(_mapped(each, each.name) for each in children(field.type)))
