"""Commits in a REST catalog: planned on what was read, required to be still so, and resolved by looking where no answer
came.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lakeflow.adapters.iceberg.commit import numbers
from lakeflow.adapters.iceberg.commit.commits import Commits, LostRaceError, Plan, TableCommit
from lakeflow.adapters.iceberg.commit.numbers import Numbered
from lakeflow.adapters.iceberg.commit.pointers import CatalogDatabase
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.adapters.iceberg.rest.changes import table_change
from lakeflow.adapters.iceberg.rest.client import LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.sessions import Tables
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import ConflictError, LakeError, LakeflowError
from lakeflow.core.intents.intent import Intent, Intents
from lakeflow.core.intents.landed import landed
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import MAIN, Looked, Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.entry import UNRECORDED, Entry
from lakeflow.core.ports.objects import Objects, Scratch
from lakeflow.core.values import dataclass

_PAUSES: Final = (0.2, 0.8)
"""Between the tries of a request whose answer was lost. Each requires all that it relies on, so that it takes effect
once however often it is sent.
"""
_FAST_MS: Final = 20_000
"""Iceberg's own library forgives a minute; a server says its time in whole seconds."""


@dataclass(frozen=True)
class Ledgers:
    """What commits need of the lake's own database: its versions are counted there, and intents stand there."""

    database: CatalogDatabase
    intents: Callable[[], Intents]


class RestCommits(Commits):
    """As commits in SQL, with a server in place of pointers."""

    def __init__(
        self, tables: Tables, ledgers: Ledgers, files: MetadataFiles, clock: Clock, objects: Objects = DISK
    ) -> None:
        super().__init__(ledgers.database, files, clock, objects)
        self._tables = tables

    def keys(self) -> frozenset[AssetKey]:
        return self._tables.keys()

    def read(self, keys: Iterable[AssetKey]) -> dict[AssetKey, LoadedTable]:
        """Each table as the server has it at the moment of its own read."""
        loaded = {key: self._tables.load(key) for key in sorted(frozenset(keys))}
        return {key: found for key, found in loaded.items() if found}

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        tables: dict[AssetKey, Table] = {}
        broken: dict[AssetKey, LakeError] = {}
        for key in sorted(frozenset(keys)):
            try:
                if found := self._tables.load(key):
                    tables[key] = found.table
            except LakeError as error:
                if error.asset is None:
                    raise
                broken[key] = error
        return Looked(tables, broken)

    def _attempt(self, keys: frozenset[AssetKey], plan: Plan, entry: Entry) -> dict[AssetKey, Table]:
        scratch = self._scratch()
        with scratch.all_or_none():
            planned = plan(self.read(keys), scratch)
        try:
            steps = self._numbered(planned)
            self._send(steps, entry)
        except (ConflictError, NothingHappenedError) as error:
            scratch.discard()
            if isinstance(error, NothingHappenedError):
                raise error.cause from None
            raise
        changed = [self._tables.after(step.found, partial(_holds, step)) for step in steps if step.updates]
        return {found.table.key: found.table for found in changed if found}

    def _numbered(self, planned: Sequence[TableCommit]) -> list[TableCommit]:
        """The commits with the record of how mains move, under a number that nobody else gets. A commit that fails
        leaves its number unused.
        """
        now_ms, version = self._now_ms(), self._version(planned)
        if version is not None:
            with self._database.transaction() as connection:
                if not numbers.advance(connection, version):
                    raise LostRaceError("other publishes of this lake kept coming", hint="run it again")
        if sum(1 for each in planned if each.moved) > 1:
            planned = [_keeping_base(each) for each in planned]
        return [self._noted(each, now_ms, version) for each in planned]

    def _noted(self, planned: TableCommit, now_ms: int, version: Numbered | None) -> TableCommit:
        if not planned.updates:
            return planned
        table, at_ms = planned.found.table, self.time_of(planned.found, now_ms)
        noted = version.noted(table, planned.moved, planned.updates, at_ms) if version and planned.moved else ()
        return replace(planned, updates=(*planned.updates, *noted))

    def _send(self, steps: Sequence[TableCommit], entry: Entry) -> None:
        """Intent, proofs, request, record. Nothing of the ledger is locked while the server is asked."""
        asked = [step for step in steps if step.updates or entry is not UNRECORDED]
        changing = [step for step in asked if step.updates]
        if not asked:
            return
        self._tables.require_together(len(changing))
        intent = entry.before({step.found.table.key: step.found.table.version for step in changing})
        self._place_proofs(changing)
        changes = [table_change(step.found, step.updates, step.absent) for step in asked]
        try:
            made = self._made(changes, changing, intent)
        except RefusedError as refused:
            entry.withdrawn(intent)
            raise self._refusal(changing, refused) from None
        except UnsentError as unsent:
            entry.withdrawn(intent)
            raise NothingHappenedError(self._tables.client.away(unsent)) from None
        if made:
            entry.after(intent)
        else:
            self._resolve(changing, entry, intent)

    def _made(self, changes: Sequence[Json], changing: Sequence[TableCommit], intent: Intent | None) -> bool:
        """Did the server say so? False where nobody knows; RefusedError and UnsentError where it made none of them."""
        lost = False
        for pause in (*_PAUSES, None):
            try:
                self._tables.send(changes)
            except RefusedError:
                # It may be this request, sent twice on its way, or its try before.
                if self._is_there(changing, intent) or (lost and intent is not None):
                    return False
                raise
            except UnsentError:  # the client tried often enough
                if not lost:
                    raise
                return False
            except LostError:
                lost = True
                if pause is not None:
                    time.sleep(random.uniform(0.5, 1.0) * pause)  # noqa: S311 - no secret
            else:
                return True
        return False

    def _resolve(self, changing: Sequence[TableCommit], entry: Entry, intent: Intent | None) -> None:
        """Look what came of it, and have it brought to one end."""
        if intent is None:
            if not self._is_there(changing, None):
                raise self._tables.client.away(LostError("it was asked for a change that is not there"))
        elif not entry.settled(intent):
            raise NothingHappenedError(
                LakeError(
                    f"{self._tables.client.place} gave no answer to a commit, and has not made it",
                    hint="nothing was changed; run it again",
                )
            )

    def _scratch(self) -> Scratch:
        return self._objects.scratch()

    def _now_ms(self) -> int:
        """By our clock, unless that is fast: a server may refuse a time that it has not reached, and then all that
        comes before it.
        """
        theirs = self._tables.client.server_time()
        ours = super()._now_ms()
        return ours if theirs is None or ours <= theirs * 1000 + _FAST_MS else int(theirs * 1000)

    def _is_there(self, changing: Sequence[TableCommit], intent: Intent | None) -> bool:
        now = self.read(step.found.table.key for step in changing)
        if intent is not None:
            return any(landed(intent, {key: found.table for key, found in now.items()}).values())
        return bool(changing) and all(_holds(step, now.get(step.found.table.key)) for step in changing)

    def _refusal(self, changing: Sequence[TableCommit], refused: RefusedError) -> LakeflowError:
        """A lost race where a table is not as it was read; the server's own words are not ours to repeat."""
        if refused.code not in {400, 404, 409, 412}:
            return self._tables.client.failed(refused)
        for step in changing:
            key = step.found.table.key
            now = self._tables.load(key)
            if now is None or now.table.version != step.found.table.version:
                return LostRaceError(
                    f"{key}: other writers kept changing it while this commit was made",
                    hint="nothing was changed; run it again",
                    asset=key,
                )
        if refused.code == 409:
            return LostRaceError(f"{self._tables.client.place} refused the commit", hint="nothing was changed")
        return self._tables.client.failed(refused)

    def _place_proofs(self, changing: Sequence[TableCommit]) -> None:
        """Under the intent: whoever else publishes these snapshots fences it first."""
        proofs = self._scratch()
        for step in changing:
            if step.proof is not None:
                proofs.write(*step.proof)
        proofs.seal()


class NothingHappenedError(Exception):
    """The commit was not made and never will be: what was written for it may go."""

    def __init__(self, cause: LakeError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _keeping_base(planned: TableCommit) -> TableCommit:
    """Main of before stays one commit longer: a publish of several tables may have to be put back."""
    base = planned.found.table.main
    gone = (
        u.RemoveSnapshots(update.ids - {base}) if isinstance(update, u.RemoveSnapshots) and base else update
        for update in planned.updates
    )
    return replace(planned, updates=tuple(gone))


def _holds(step: TableCommit, now: LoadedTable | None) -> bool:
    """Does the table hold what this commit was to make of it?"""
    return now is not None and all(_is_made(now.table, update) for update in step.updates)


def _is_made(table: Table, update: u.Update) -> bool:
    match update:
        case u.AddSnapshot(snapshot):
            return snapshot["snapshot-id"] in table.snapshots
        case u.SetBranch(name, at):
            return table.was_main(at) if name == MAIN else table.refs.get(name) == at
        case u.SetTag(name, at):
            return table.refs.get(name) == at
        case u.RemoveRef(name):
            return name not in table.refs
    return True
