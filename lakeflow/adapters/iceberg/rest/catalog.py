"""The catalog port on an Iceberg REST catalog; versions and intents stand in the lake's own database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime
from os import PathLike
from typing import Any, Final, Self
from uuid import uuid4

from lakeflow.adapters.iceberg.care.garbage import OUTSIDE, garbage_of, remains, together
from lakeflow.adapters.iceberg.care.ownership import lake_id
from lakeflow.adapters.iceberg.catalog import IcebergCatalog, refuse_name
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.types import schema_to_json, with_ids
from lakeflow.adapters.iceberg.rest.changes import identifier, new_table
from lakeflow.adapters.iceberg.rest.client import CatalogClient, LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.commits import Ledgers, RestCommits
from lakeflow.adapters.iceberg.rest.estate import ServedSurveyor
from lakeflow.adapters.iceberg.rest.homes import home_property, is_at_home
from lakeflow.adapters.iceberg.rest.known import is_left
from lakeflow.adapters.iceberg.rest.sessions import Tables, table_path
from lakeflow.adapters.objects import DISK
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.environments.hidden import hidden_from
from lakeflow.core.errors import BusyError, ConflictError, LakeError
from lakeflow.core.intents.intent import Intent, Intents
from lakeflow.core.intents.landed import Landed, landed
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Adopt, Change, Drop, Registration, Rename
from lakeflow.core.model.schema import Schema, highest_id
from lakeflow.core.model.table import Garbage, Looked, Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import Entry
from lakeflow.core.ports.objects import Objects

_ROUNDS: Final = 20
_PAUSE: Final = 0.05
_OLDER: Final = "the catalog answers with an older state than its folder holds: a cache, or a copy that lags behind"
_UNDER_WAY: Final = "a commit on it is under way, or was cut off; the next run settles it"


class RestCatalog(IcebergCatalog):
    """Implements `Catalog`. `load` and `look` show no half of a publish: while an intent is open, its tables are as
    they were before it (`_as_seen`).
    """

    def __init__(  # noqa: PLR0913 - two of them by name alone
        self,
        client: CatalogClient,
        ledgers: Ledgers,
        clock: Clock,
        keep_out: Callable[[], Iterable[str | PathLike[str]]] = tuple,
        *,
        non_atomic: bool = False,
        objects: Objects = DISK,
    ) -> None:
        self._reader: Callable[[], str] = str
        self._objects = objects
        self._ledgers = ledgers
        self._database = ledgers.database
        self._clock = clock
        self._files = MetadataFiles("/", objects)
        self._tables = Tables(client, self._files, non_atomic=non_atomic)
        self._commits = RestCommits(self._tables, ledgers, self._files, clock, objects)
        self._served = ServedSurveyor(self._tables, keep_out, objects)

    def seen_by(self, reader: Callable[[], str]) -> Self:
        seen = copy(self)
        seen._reader = reader  # noqa: SLF001 - our own copy
        return seen

    def load(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, Table]:
        found: Mapping[AssetKey, Table] = self._untorn(frozenset(keys), self._loaded)
        return found

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        found: Looked = self._untorn(frozenset(keys), self._looked)
        return found

    def create(self, key: AssetKey, schema: Schema) -> Table:
        refuse_name(key)
        if existing := self.load((key,)):
            return existing[key]
        self._tables.make_layers()
        self._make(key, schema)
        return self.load((key,))[key]

    def landed(self, intent: Intent) -> Landed:
        return landed(intent, {key: found.table for key, found in self._commits.read(_named(intent)).items()})

    def register(self, changes: Sequence[Registration], entry: Entry) -> None:
        """One after the other: no server renames or drops several tables at once."""
        for change in changes:
            self._require(change)
        if not all(isinstance(change, Drop) for change in changes):
            self._tables.make_layers()
        intent = entry.before({change.key: change.version for change in changes})
        try:
            self._one_by_one(changes)
        except RefusedError as refused:
            if intent is None or not any(self.landed(intent).values()):
                entry.withdrawn(intent)
                raise _taken(changes[0], refused) from None
            if not entry.settled(intent):
                raise self._tables.client.failed(refused) from None
        except UnsentError as unsent:
            entry.withdrawn(intent)
            raise self._tables.client.away(unsent) from None
        except LostError as lost:
            if not entry.settled(intent):
                raise self._tables.client.away(lost) from None
        else:
            entry.after(intent)

    def garbage(self, key: AssetKey, before: datetime) -> Garbage:
        found = self._commits.read((key,)).get(key)
        if found is None:
            return Garbage(key)
        if any(key in _named(intent) for intent in self._ledgers.intents().open):
            return Garbage(key, kept=_UNDER_WAY)
        if not is_at_home(found.table, self._lake()):
            return Garbage(key, kept=OUTSIDE)
        if is_left(found, self._files, self._objects):
            return Garbage(key, kept=_OLDER)
        return garbage_of(found, self._served.estate(found.table, key), before)

    def remains(self, dropped: Sequence[Dropped], before: datetime) -> Garbage:
        return together(self._remains(one, before) for one in dropped)

    def _remains(self, dropped: Dropped, before: datetime) -> Garbage:
        try:
            last = self._files.find(dropped.key, dropped.version)
        except LakeError:  # a server may remove the files of a table that is dropped
            return Garbage(None)
        if not is_at_home(last.table, self._lake()):
            return Garbage(None)
        return remains(dropped, self._served.estate(last.table, None), before, last)

    def _lake(self) -> str:
        return lake_id(self._database, str(uuid4()), self._clock())

    def _one_by_one(self, changes: Sequence[Registration]) -> None:
        """RefusedError: the one that the server refused was not made. UnsentError: none was."""
        for done, change in enumerate(changes):
            try:
                self._registered(change)
            except UnsentError as unsent:
                raise (LostError(str(unsent)) if done else unsent) from None

    def _registered(self, change: Registration) -> None:
        client = self._tables.client
        for name in _names(change):
            self._tables.known.moved(name)
        match change:
            case Adopt():
                body = {"name": change.key.name, "metadata-location": change.version}
                client.call("POST", f"/namespaces/{change.key.layer}/register", body)
            case Rename():
                names = {"source": identifier(change.key), "destination": identifier(change.to)}
                client.call("POST", "/tables/rename", names)
            case Drop():
                client.call("DELETE", f"{table_path(change.key)}?purgeRequested=false")

    def _require(self, change: Registration) -> None:
        """ConflictError, with what was expected and found, where the catalog is not as the change says."""
        now = self._commits.read(_names(change))
        free = change.key if isinstance(change, Adopt) else change.to if isinstance(change, Rename) else None
        if free is not None and free in now:
            raise ConflictError(
                f"{free}: expected no table of that name, found {now[free].table.version}",
                hint="run it again",
                asset=free,
            )
        if isinstance(change, Adopt):
            return
        found = now[change.key].table.version if change.key in now else "no table"
        if found != change.version:
            raise ConflictError(
                f"{change.key}: expected its metadata at {change.version}, found {found}",
                hint="nothing was changed; run it again",
                asset=change.key,
            )

    def _make(self, key: AssetKey, schema: Schema) -> None:
        """In a folder of its own: a server may give a new table the folder of a renamed one. The server chooses where,
        and we choose the ids of columns, which a plain creation would assign anew.
        """
        path, client = f"/namespaces/{key.layer}/tables", self._tables.client
        described = schema_to_json(with_ids(schema))
        try:
            staged = client.repeat("POST", path, {"name": key.name, "schema": described, "stage-create": True})
            home = f"{str((staged.get('metadata') or {})['location']).rstrip('/')}-{uuid4().hex[:8]}"
            made = new_table(home, described, highest_id(schema), home_property(self._lake(), home))
            client.repeat("POST", table_path(key), {"identifier": identifier(key), **made})
        except RefusedError as refused:
            if refused.code != 409:
                raise client.failed(refused) from None
        except UnsentError as unsent:
            raise client.away(unsent) from None
        except LostError as lost:
            if self._tables.load(key) is None:
                raise client.away(lost) from None
        else:
            self._tables.known.made(key)

    def _untorn(self, keys: frozenset[AssetKey], read: Callable[[frozenset[AssetKey], Intents], Any]) -> Any:
        """Read while no intent on two of these tables begins or ends. A server may apply a commit table by table."""
        before = self._ledgers.intents()
        for _ in range(_ROUNDS):
            found = read(keys, before)
            after = self._ledgers.intents()
            if after == before or len(keys) < 2:
                return found
            before = after
            time.sleep(_PAUSE)
        raise BusyError("other publishes kept coming while the tables were read", hint="run it again")

    def _loaded(self, keys: frozenset[AssetKey], intents: Intents) -> Mapping[AssetKey, Table]:
        seen = _seen(intents, self._reader())
        return {key: self._as_seen(found, seen).table for key, found in self._commits.read(keys).items()}

    def _looked(self, keys: frozenset[AssetKey], intents: Intents) -> Looked:
        looked, seen = self._commits.look(keys), _seen(intents, self._reader())
        tables = {
            key: self._as_seen(self._files.find(key, table.version), seen).table for key, table in looked.tables.items()
        }
        return Looked(tables, looked.broken)

    def _as_seen(self, found: LoadedTable, seen: Mapping[AssetKey, tuple[Intent, str]]) -> LoadedTable:
        """The table as it was before the intent that is open on it, until the ledger knows what came of that."""
        key = found.table.key
        if key not in seen or not landed(seen[key][0], {key: found.table}).get(key):
            return found
        return self._files.find(key, seen[key][1])


def _seen(intents: Intents, reader: str) -> Mapping[AssetKey, tuple[Intent, str]]:
    """What is hidden from these readers: by which intent, and where the table stood before it."""
    return {
        key: (intent, place)
        for intent in intents.open
        for key, place in intent.seen.items()
        if key in hidden_from(reader, intent)
    }


def _named(intent: Intent) -> frozenset[AssetKey]:
    """The tables that it changes, under each of their names."""
    return frozenset(name for change in intent.changes for name in _names(change))


def _names(change: Change | Registration) -> frozenset[AssetKey]:
    return frozenset({change.key, change.to} if isinstance(change, Rename) else {change.key})


def _taken(change: Registration, refused: RefusedError) -> ConflictError:
    return ConflictError(f"{change.key}: the catalog refused ({refused.code})", hint="run it again", asset=change.key)
