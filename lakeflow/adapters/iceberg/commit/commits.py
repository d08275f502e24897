"""Commits any number of tables and the ledger's rows in one transaction: read, plan on what was read, write files, then
compare and swap the pointers.

A commit starts from the metadata that it was planned on. pyiceberg reads the metadata again just before its own compare
and swap, which therefore guards next to nothing (trap T9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from typing import Any, Final

from lakeflow.adapters.iceberg.commit import numbers, pointers
from lakeflow.adapters.iceberg.commit.numbers import MainMove, Numbered
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles, next_location, sealed
from lakeflow.adapters.iceberg.metadata.updates import Update, applied, forgotten
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import ConflictError, LakeError, LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Looked, Table
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.database import Connection
from lakeflow.core.ports.entry import UNRECORDED, Entry, Transaction
from lakeflow.core.ports.objects import Objects, Scratch
from lakeflow.core.values import dataclass

_ATTEMPTS: Final = 10


@dataclass(frozen=True)
class TableCommit:
    """What a commit does to one table. Without updates it only asserts that the pointer is still the one it saw.

    `proof` is (location, content) of a file that is written once the swap has succeeded; `moved` says where main goes.
    `absent` are refs that must not be there: where a pointer is swapped, they are not.
    """

    found: LoadedTable
    updates: tuple[Update, ...] = ()
    proof: tuple[str, bytes] | None = None
    moved: MainMove | None = None
    absent: frozenset[str] = frozenset()


Plan = Callable[[Mapping[AssetKey, LoadedTable], Scratch], Sequence[TableCommit]]
"""Turns the tables as loaded into commits, or raises ConflictError. It may write manifests into the scratch files, and
is called again after a lost race.
"""


@dataclass(frozen=True)
class _WrittenCommit:
    planned: TableCommit
    location: str = ""
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def key(self) -> AssetKey:
        return self.planned.found.table.key


@dataclass(frozen=True)
class CommitAttempt:
    """One try to commit on one table: what was read, where files go, and the time of the commit."""

    found: LoadedTable
    scratch: Scratch
    at_ms: int
    objects: Objects = DISK


class LostRaceError(ConflictError):
    """Another writer moved a pointer between our read and our swap."""


class Commits:
    def __init__(
        self, database: pointers.CatalogDatabase, files: MetadataFiles, clock: Clock, objects: Objects = DISK
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._objects = objects

    def keys(self) -> frozenset[AssetKey]:
        with self._database.read() as connection:
            return pointers.all_keys(connection)

    def read(self, keys: Iterable[AssetKey]) -> dict[AssetKey, LoadedTable]:
        """Read all pointers in one SELECT, then their metadata files, which never change."""
        with self._database.read() as connection:
            at = pointers.locations(connection, keys)
        return {key: self._files.find(key, location) for key, location in at.items()}

    def look(self, keys: Iterable[AssetKey]) -> Looked:
        """Like `read`; a metadata file that cannot be read is an error of its own table alone."""
        with self._database.read() as connection:
            at = pointers.locations(connection, keys)
        tables: dict[AssetKey, Table] = {}
        broken: dict[AssetKey, LakeError] = {}
        for key, location in at.items():
            try:
                tables[key] = self._files.find(key, location).table
            except LakeError as error:
                broken[key] = error
        return Looked(tables, broken, {key: at[key] for key in broken})

    def attempt(self, key: AssetKey, found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> CommitAttempt:
        at_ms = self.time_of(present(key, found), self._now_ms())
        return CommitAttempt(present(key, found), scratch, at_ms, self._objects)

    def time_of(self, found: LoadedTable, now_ms: int) -> int:
        """The time of a commit on this table in milliseconds, never before its last commit. LakeError if it may not be
        written.

        After a machine's clock ran fast, the table's time stands still until the true time has passed it: Java engines
        refuse a log whose times go back by more than a minute. Plan and doctor warn of it.
        """
        table = found.table
        if table.format_version != 2:
            raise LakeError(
                f"{table.key}: its format is v{table.format_version}; this release writes v2 and only reads others",
                hint="write it with the engine that made it",
                asset=table.key,
            )
        return max(now_ms, found.updated_ms)

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)

    def run(self, keys: Iterable[AssetKey], plan: Plan, entry: Entry = UNRECORDED) -> dict[AssetKey, Table]:
        """Plan, write and swap, and do it again from the start after a lost race. Returns the changed tables."""
        from tenacity import (  # noqa: PLC0415 - who only looks commits nothing
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            wait_random_exponential,
        )

        retrying = Retrying(
            retry=retry_if_exception_type(LostRaceError),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.02, max=1),
            reraise=True,
        )
        return retrying(self._attempt, frozenset(keys), plan, entry)

    def _attempt(self, keys: frozenset[AssetKey], plan: Plan, entry: Entry) -> dict[AssetKey, Table]:
        scratch = self._objects.scratch()
        with scratch.all_or_none():
            planned = plan(self.read(keys), scratch)
            # One look at the clock: tables that change together say the same time, so no time lies between them.
            now_ms, version = self._now_ms(), self._version(planned)
            steps = [self._written(each, scratch, now_ms, version) for each in planned]
        self._swap(steps, entry, scratch, version)
        return {step.key: self._done(step) for step in steps if step.location}

    def _version(self, planned: Sequence[TableCommit]) -> Numbered | None:
        """The version of the lake that the commit makes; None where no main moves."""
        moving = [each.found.table for each in planned if each.moved]
        if not moving:
            return None
        with self._database.read() as connection:
            seen = numbers.last(connection)
        everywhere = () if numbers.is_number(seen) else self.keys()
        known = [*moving, *(self.look(everywhere).tables.values() if everywhere else ())]
        return numbers.following(seen, known, len(moving))

    def _written(self, planned: TableCommit, scratch: Scratch, now_ms: int, version: Numbered | None) -> _WrittenCommit:
        if not planned.updates:
            return _WrittenCommit(planned)
        found, at_ms = planned.found, self.time_of(planned.found, now_ms)
        noted = version.noted(found.table, planned.moved, planned.updates, at_ms) if version and planned.moved else ()
        content = applied(found.json, (*planned.updates, *noted), found.table.version, at_ms)
        location = next_location(found.table)
        content, text = sealed(location, content)
        scratch.write(location, text)
        return _WrittenCommit(planned, location, content)

    def _swap(self, steps: Sequence[_WrittenCommit], entry: Entry, scratch: Scratch, version: Numbered | None) -> None:
        """Swap all pointers in one transaction, or none. The new files are removed only if it is certain that nothing
        was committed.
        """
        committing = False
        proofs = self._objects.scratch()
        try:
            _write_proofs(steps, proofs)
            # Pointers, the ledger's rows and the proofs' names change together: readers see all of it or nothing.
            with self._database.transaction() as connection:
                _count(connection, version)
                _swap_all(connection, steps)
                entry.within(_opaque(connection))
                _place(proofs)
                committing = True
        except BaseException as error:
            if not committing:
                scratch.discard()
                proofs.discard()
                raise
            from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - who only looks commits nothing

            if not isinstance(error, LakeflowError | SQLAlchemyError | OSError) or not self._landed(steps):
                raise
        if entry is not UNRECORDED:
            self._database.checkpoint()

    def _landed(self, steps: Sequence[_WrittenCommit]) -> bool:
        """After a commit whose outcome is unknown: does the catalog, read again, hold what we wrote?

        The pool may hand out the connection that still sees our pending rows, so it is emptied first. Where a server
        goes on with a COMMIT whose connection broke, it holds the writer's lock until that has ended: it is waited for.
        Where that cannot be waited for, only a commit that is seen counts, and of any other the first error is told.
        """
        self._database.forget_connections()
        with suppress(LakeflowError), self._database.transaction():
            pass
        wrote = [step for step in steps if step.location]
        now = self.read(step.key for step in wrote)
        return bool(wrote) and all(step.key in now and _holds(now[step.key], step.location) for step in wrote)

    def _done(self, step: _WrittenCommit) -> Table:
        for location in forgotten(step.planned.found.json, step.content):
            with suppress(OSError):  # it stays, and is collected as garbage later
                self._objects.remove(location)
        return self._files.remember(step.key, step.location, step.content).table


def present(key: AssetKey, found: Mapping[AssetKey, LoadedTable]) -> LoadedTable:
    if key not in found:
        raise ConflictError(f"{key}: the table is gone", hint="plan again: `lakeflow plan`", asset=key)
    return found[key]


def _count(connection: Connection, version: Numbered | None) -> None:
    if version is not None and not numbers.advance(connection, version):
        raise LostRaceError(
            "other publishes of this lake kept coming while this commit was made",
            hint="nothing was changed; run it again",
        )


def _swap_all(connection: Connection, steps: Sequence[_WrittenCommit]) -> None:
    for step in sorted(steps, key=lambda step: step.key):  # one order for everybody: no deadlock on a server
        seen = step.planned.found.table.version
        swapped = (
            pointers.swap(connection, step.key, seen, step.location)
            if step.location
            else pointers.still(connection, step.key, seen)
        )
        if not swapped:
            raise LostRaceError(
                f"{step.key}: other writers kept changing it while this commit was made",
                hint="nothing was changed; run it again",
                asset=step.key,
            )


def _write_proofs(steps: Sequence[_WrittenCommit], proofs: Scratch) -> None:
    for step in steps:
        if step.planned.proof is not None:
            proofs.write(*step.planned.proof)
    proofs.sync()


def _place(proofs: Scratch) -> None:
    """Give the proofs their names. Only the winner of the swap may do that, while it holds the database's lock: two
    publishers of one snapshot share that name.
    """
    try:
        proofs.place()
    except BaseException:
        proofs.discard()
        raise


def _holds(found: LoadedTable, location: str) -> bool:
    """Is this the table's present metadata, or metadata on which others have committed since?"""
    log = found.json.get("metadata-log") or ()
    return found.table.version == location or any(entry["metadata-file"] == location for entry in log)


def _opaque(connection: Connection) -> Transaction:
    return connection
