"""A question to the lake: its tables are all read as they stood at one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from lakeflow.core.errors import UnseenError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import MAIN, Scan, Table
from lakeflow.core.time.moments import StillToComeError, moment
from lakeflow.core.view.instant import Instant, with_ref
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.look.moments import instant_named
from lakeflow.wap.ports import World

_NAME: Final = re.compile(r"\w[\w.-]*")
AsOf = datetime | str | None
"""A time, a version (`v12`), a tag, a snapshot, or the beginning of a run's id: what that run left. None is now."""
Personal = Literal["shown", "masked"]


def query(world: World, text: str, ref: str, as_of: AsOf, personal: Personal) -> Any:
    """A lazy DuckDB relation over the SELECT. UsageError for another text, and for what was not published then."""
    from lakeflow.core.sql.lake_query import asked_tables  # noqa: PLC0415 - the SQL parser takes 0.2 s to import

    keys = asked_tables(world.project, text)
    masked = keys if personal == "masked" else ()
    hidden = {str(key): hidden_columns(world.project, world.project.assets[key]) for key in masked}
    return world.engine.query(text, _scans(world, keys, ref, as_of), hidden)


def connect(world: World, ref: str, as_of: AsOf) -> Any:
    """A DuckDB connection with a view of every asset that was published then."""
    instant, tables = moment_of(world, (), ref, as_of)
    found: dict[str, Scan] = {}
    for key, table in tables.items():
        try:
            snapshot = instant.snapshot(table)
        except UsageError:
            continue  # it was published later
        if snapshot is not None:
            found[str(key)] = world.catalog.scan(table, snapshot)
    return world.engine.connect(found)


def columns(world: World) -> dict[AssetKey, tuple[str, ...]]:
    """The columns of what readers see. A table that cannot be read is left out."""
    looked = world.catalog.look(world.project.assets)
    return {key: table.schema.names for key, table in looked.tables.items() if table.main is not None}


def snapshot_at(world: World, key: AssetKey, as_of: datetime | str) -> int:
    """What readers of one table saw at that moment. UsageError as `query`."""
    instant, tables = moment_of(world, (key,), MAIN, as_of)
    return snapshot_then(instant, key, tables)


def _scans(world: World, keys: Sequence[AssetKey], ref: str, as_of: AsOf) -> dict[str, Scan]:
    instant, tables = moment_of(world, keys, ref, as_of)
    then = {key: snapshot_then(instant, key, tables) for key in keys}
    return {str(key): world.catalog.scan(tables[key], snapshot) for key, snapshot in then.items()}


def snapshot_then(instant: Instant, key: AssetKey, tables: Mapping[AssetKey, Table]) -> int:
    """The snapshot that is read at that moment. UnseenError when there is none; UsageError when it has expired."""
    snapshot = instant.snapshot(tables[key]) if key in tables else None
    if snapshot is None:
        raise _never(instant, key)
    return snapshot


def _read(said: str, now: datetime) -> datetime | str:
    """A time, or else the name of what stood then."""
    try:
        return moment(said, now)
    except StillToComeError as error:
        raise UsageError(f"as of: {error}", hint="readers see now what is published") from None
    except ValueError as error:
        if _NAME.fullmatch(said):
            return said
        raise UsageError(f"as of: {error}", hint="or a version, a snapshot, a run or a tag") from None


def _never(instant: Instant, key: AssetKey) -> UsageError:
    if instant.moment is None and instant.ref != MAIN:
        hint = f"`lakeflow snapshots {key}` lists what there is"
        return UnseenError(f"{instant.ref} keeps no snapshot of {key}", hint=hint, asset=key)
    return UnseenError(f"{key} was never published", hint=f"`lakeflow materialize +{key}` builds it", asset=key)


def moment_of(
    world: World, asked: Sequence[AssetKey], ref: str, as_of: AsOf
) -> tuple[Instant, Mapping[AssetKey, Table]]:
    """The moment that is meant, and the tables by ONE read of the catalog: those that are asked, where no other says
    which moment it is. LakeError when one that is asked cannot be read; any other is left out.
    """
    if as_of is not None and ref != MAIN:
        raise UsageError("ref and as_of exclude each other", hint="give one of them")
    as_of = _read(as_of, world.clock()) if isinstance(as_of, str) else as_of
    if asked and ref == MAIN and not isinstance(as_of, str):
        return Instant(as_of), world.catalog.load(asked)
    looked = world.catalog.look(world.project.assets)
    for key in looked.broken.keys() & set(asked):
        raise looked.broken[key]
    if isinstance(as_of, str):
        return instant_named(world, as_of, looked.tables.values()), looked.tables
    return Instant(as_of) if as_of else with_ref(ref, looked.tables.values()), looked.tables
