"""The `Ledger` port over SQL."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from lakeflow.adapters.ledger import handing_over, intents, rows, statements
from lakeflow.adapters.ledger.latest import LatestVerdicts
from lakeflow.adapters.ledger.lost import lost_tables
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import UsageError
from lakeflow.core.intents.intent import EnvironmentNote, Intent, Intents, NameNote, Note, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import (
    UNPUBLISHED_ENDS,
    CheckResult,
    Holder,
    Lease,
    RunRecord,
    RunState,
    StepRecord,
    VerdictRecord,
    one_id,
)
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.ports.database import Connection, Row, Statement
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.run import leases
from lakeflow.core.run.leases import AssetLease, CurrentLeases


class Transactions(Protocol):
    """What the ledger needs from its database: one writer at a time, and consistent reads."""

    def transaction(self) -> AbstractContextManager[Connection]: ...

    def read(self) -> AbstractContextManager[Connection]: ...


Saving = Callable[[Connection, RunRecord], None]
"""What else happens when a run is saved, in the same transaction and before it."""


def _nothing(_connection: Connection, _run: RunRecord) -> None:
    """A lake that alerts nobody."""


class SqlLedger:
    """The ledger of the lake, or that of an `environment`, whose runs, verdicts and leases are no runs of the lake.

    `is_alive` says whether a holder still runs, None where it cannot know; such a holder counts as dead
    `lease_seconds` after its last heartbeat.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a ledger is made of
        self,
        database: Transactions,
        is_alive: Callable[[Holder], bool | None],
        clock: Clock,
        lease_seconds: float,
        saving: Saving = _nothing,
        environment: str = "",
    ) -> None:
        self._environment = environment
        self._here = {"environment": environment}
        self._database = database
        self._is_alive = is_alive
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._saving = saving
        self._latest = LatestVerdicts(environment)

    def acquire(self, lease: Lease) -> tuple[str, ...]:
        with self._database.transaction() as connection:
            standing = self._standing(connection)
            acquired, now = leases.acquire(lease, standing), standing.now
            _each(connection, statements.FREE, [{"token": token} for token in sorted(acquired.tokens)])
            self._abandon(connection, acquired.runs, now)
            taken = [rows.lease_row(lease, self._leased(asset), now) for asset in sorted(lease.assets)]
            _each(connection, statements.TAKE, taken)
        return acquired.runs

    def renew(self, lease: Lease) -> None:
        with self._database.transaction() as connection:
            self._assert_held(connection, lease)
            connection.execute(statements.RENEW, {"token": lease.token, "now": rows.time(self._clock())})

    def release(self, lease: Lease) -> None:
        with self._database.transaction() as connection:
            connection.execute(statements.FREE, {"token": lease.token})

    def save(
        self,
        run: RunRecord,
        verdicts: Sequence[VerdictRecord] = (),
        lease: Lease | None = None,
        others: Sequence[RunRecord] = (),
    ) -> None:
        with self._database.transaction() as connection:
            if lease is not None:
                self._assert_held(connection, lease)
            self._saving(connection, run)
            self._save(connection, run, verdicts)
            for other in others:
                self._save(connection, other, ())

    def note(self, lease: Lease, run: str, step: StepRecord) -> None:
        with self._database.transaction() as connection:
            self._assert_held(connection, replace(lease, assets=frozenset({step.asset})))
            row = rows.step_row(self._recorded(run), 0, step)
            noted = connection.execute(statements.NOTE_STEP, row)
            assert noted.rowcount == 1, f"run {run} was saved with its step {step.asset}"
            connection.execute(statements.DROP_CHECKS_OF_STEP, row)
            checks = [rows.check_row(row["run"], step, at) for at in range(len(step.checks))]
            _each(connection, statements.SAVE_CHECK, checks)

    def record(self, transaction: Transaction, lease: Lease, run: RunRecord, verdicts: Sequence[VerdictRecord]) -> None:
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        self._assert_held(transaction, lease)
        self._saving(transaction, run)
        self._save(transaction, run, verdicts)

    def rename(self, transaction: Transaction, old: AssetKey, new: AssetKey) -> None:
        """Rename an asset. A run that had both names keeps its record as it is."""
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        for statement in statements.RENAME:
            transaction.execute(statement, {"old": str(old), "new": str(new)})

    def mend_times(self, transaction: Transaction, now: datetime) -> None:
        """Set times in the future back to now, so that coming runs are newer; verdicts keep their times."""
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        transaction.execute(statements.MEND_TIMES, {"now": rows.time(now)})

    def drop(self, transaction: Transaction, dropped: Dropped) -> None:
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        transaction.execute(statements.DROP, rows.dropped_row(dropped))

    def dropped(self) -> tuple[Dropped, ...]:
        with self._database.read() as connection:
            recorded = [rows.dropped(row) for row in connection.execute(statements.DROPPED)]
            told = [rows.dropped_once(row) for row in connection.execute(statements.DROPS_ONCE)]
        known = {(one.run, one.key) for one in recorded}
        return (*(one for one in told if one and (one.run, one.key) not in known), *recorded)

    def intend(self, intent: Intent, lease: Lease) -> None:
        with self._database.transaction() as connection:
            self._assert_held(connection, lease)
            intents.make(connection, intent, rows.time(self._clock()))

    def fulfil(self, intent: Intent) -> None:
        there = self._within(intent.environment)
        with self._database.transaction() as connection:
            if intents.settle(connection, intent, "fulfilled"):
                for note in intent.notes:
                    there._noted(connection, note)  # noqa: SLF001 - one of ours

    def withdraw(self, intent: Intent) -> None:
        with self._database.transaction() as connection:
            intents.settle(connection, intent, "withdrawn")

    def intents(self) -> Intents:
        with self._database.read() as connection:
            return intents.standing(connection)

    def _noted(self, connection: Connection, note: Note) -> None:
        match note:
            case RunNote(run, verdicts):
                self._saving(connection, run)
                self._save(connection, run, verdicts)
            case NameNote(old, new):
                self.rename(connection, old, new)
            case Dropped():
                self.drop(connection, note)
            case _:
                handing_over.record(connection, note, rows.time(self._clock()))

    def note_environment(self, transaction: Transaction, lease: Lease, note: EnvironmentNote) -> None:
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        self._assert_held(transaction, lease)
        handing_over.record(transaction, note, rows.time(self._clock()))

    def _within(self, environment: str) -> SqlLedger:
        """The ledger that records an intent of that environment, which alerts nobody."""
        if environment == self._environment:
            return self
        return SqlLedger(self._database, self._is_alive, self._clock, self._lease_seconds, environment=environment)

    def run(self, prefix: str) -> RunRecord:
        with self._database.read() as connection:
            asked = self._here | {"prefix": prefix, "length": len(prefix)}
            found = connection.execute(statements.RUNS_BY_PREFIX, asked).all()
            if not found and (elsewhere := connection.execute(statements.RUN_ELSEWHERE, asked).first()):
                raise _of_another(rows.run_named(elsewhere.id), elsewhere.environment)
            chosen = one_id(prefix, [rows.run_named(row.id) for row in found])
            return _runs(connection, [row for row in found if row.id == self._recorded(chosen)])[0]

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        with self._database.read() as connection:
            return _runs(connection, connection.execute(statements.NEWEST_RUNS, self._here | {"limit": limit}).all())

    def unpublished(self, keys: Iterable[AssetKey]) -> tuple[RunRecord, ...]:
        states = [str(state) for state in sorted(UNPUBLISHED_ENDS)]
        asked = self._here | {"assets": [str(key) for key in keys], "states": states}
        with self._database.read() as connection:
            return _runs(connection, connection.execute(statements.UNPUBLISHED, asked).all())

    def verdicts(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        found: dict[AssetKey, list[VerdictRecord]] = {key: [] for key in keys}
        with self._database.read() as connection:
            for row in connection.execute(statements.VERDICTS, self._here | {"assets": [str(key) for key in found]}):
                verdict = rows.verdict(row)
                found[verdict.asset].append(verdict)
        return {key: tuple(verdicts) for key, verdicts in found.items()}

    def until(self, run: str) -> tuple[VerdictRecord, ...]:
        with self._database.read() as connection:
            asked = self._here | {"run": self._recorded(run)}
            return tuple(map(rows.verdict, connection.execute(statements.VERDICTS_UNTIL, asked)))

    def latest(self, snapshots: Mapping[AssetKey, Iterable[int]]) -> Mapping[AssetKey, Sequence[VerdictRecord]]:
        wanted = {asset: frozenset(several) for asset, several in snapshots.items()}
        with self._database.read() as connection:
            return self._latest.read(connection, wanted)

    def pinned(self) -> frozenset[int]:
        with self._database.read() as connection:
            read = [json.loads(row.inputs) for row in connection.execute(statements.PINNED)]
            pins = [int(row.snapshot_id) for row in connection.execute(statements.ALL_PINS)]
        return frozenset(int(snapshot) for inputs in read for snapshot in inputs.values()) | frozenset(pins)

    def restore(
        self,
        transaction: Transaction,
        runs: Iterable[RunRecord],
        verdicts: Iterable[VerdictRecord],
        codes: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        """Add what is not recorded, and give up all old leases. Of a run that is recorded, add only that it was
        published, and the steps or checks that it has lost. `codes` are versions, their algorithms and their texts.
        """
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        known = {str(row.id): row for row in transaction.execute(statements.HEADS)}
        free_all(transaction)
        for run in runs:
            row = known.get(run.id)
            state = RunState(row.state) if row else None
            if state is None or (run.state is RunState.PUBLISHED and state in {*UNPUBLISHED_ENDS, RunState.RUNNING}):
                self._save(transaction, run, ())
            elif row and not row.step_count:
                self._save(transaction, rows.run(row, run.steps), ())
            else:
                _restore_checks(transaction, run)
        self._rule(transaction, verdicts)
        known_as = ("version", "algorithm", "source")
        _each(transaction, statements.REMEMBER_CODE, [dict(zip(known_as, each, strict=True)) for each in codes])

    def tokens_at_work(self) -> frozenset[str]:
        with self._database.read() as connection:
            standing = self._known([rows.lease(row) for row in connection.execute(statements.ALL_LEASES)])
        return frozenset(one.token for one in standing.held if not standing.dead(one))

    def standing(self) -> CurrentLeases:
        """All leases, and what is known of their holders now."""
        with self._database.read() as connection:
            return self._standing(connection)

    def states(self) -> Mapping[str, RunState]:
        """The state of every run."""
        with self._database.read() as connection:
            found = connection.execute(statements.STATES, self._here)
            return {rows.run_named(row.id): RunState(row.state) for row in found}

    def audited(self) -> frozenset[AssetKey]:
        """Every asset that has a ruling."""
        with self._database.read() as connection:
            return frozenset(AssetKey.parse(row.asset) for row in connection.execute(statements.AUDITED, self._here))

    def remember_code(self, version: str, algorithm: str, source: str) -> None:
        with self._database.read() as connection:
            if connection.execute(statements.CODE, {"version": version}).first():
                return
        with self._database.transaction() as connection:
            row = {"version": version, "algorithm": algorithm, "source": rows.storable(source)}
            connection.execute(statements.REMEMBER_CODE, row)

    def code(self, version: str) -> str | None:
        with self._database.read() as connection:
            found = connection.execute(statements.CODE, {"version": version}).scalar_one_or_none()
        return None if found is None else str(found)

    def lost(self) -> tuple[str, ...]:
        with self._database.read() as connection:
            return lost_tables(connection)

    def _abandon(self, connection: Connection, dead: Sequence[str], now: datetime) -> None:
        """Record that these runs were cut off, if they were at work."""
        if not dead:
            return
        at_work = connection.execute(statements.RUNNING, {"runs": list(map(self._recorded, dead))}).all()
        for run in _runs(connection, at_work):
            self._saving(connection, replace(run, state=RunState.ABANDONED, ended_at=now))
        _each(connection, statements.ABANDON, [{"run": row.id, "now": rows.time(now)} for row in at_work])

    def standing_in(self, transaction: Transaction) -> CurrentLeases:
        """As `standing`, within the catalog's transaction, so that no lease is given meanwhile."""
        assert isinstance(transaction, Connection), "the catalog of the same database opens the transaction"
        return self._standing(transaction)

    def _standing(self, connection: Connection) -> CurrentLeases:
        every = (rows.held(row, self._environment) for row in connection.execute(statements.ALL_LEASES))
        return self._known([one for one in every if one])

    def _known(self, held: Sequence[AssetLease]) -> CurrentLeases:
        alive = {holder: self._is_alive(holder) for holder in leases.holders(held)}
        return CurrentLeases(held, alive, self._clock(), self._lease_seconds)

    def _leased(self, asset: AssetKey) -> str:
        return rows.leased_as(asset, self._environment)

    def _assert_held(self, connection: Connection, lease: Lease) -> None:
        found = connection.execute(statements.ON_ASSETS, {"assets": [self._leased(asset) for asset in lease.assets]})
        held = [one for row in found if (one := rows.held(row, self._environment))]
        if {one.asset for one in held if one.token == lease.token} != lease.assets:
            raise leases.lost(lease, held)

    def _save(self, connection: Connection, run: RunRecord, verdicts: Sequence[VerdictRecord]) -> None:
        id_ = self._recorded(run.id)
        connection.execute(statements.SAVE_RUN, rows.run_row(run) | self._here | {"id": id_})
        connection.execute(statements.DROP_STEPS, {"run": id_})
        connection.execute(statements.DROP_CHECKS, {"run": id_})
        _each(connection, statements.SAVE_STEP, [rows.step_row(id_, at, step) for at, step in enumerate(run.steps)])
        checks = [rows.check_row(id_, step, at) for step in run.steps for at in range(len(step.checks))]
        _each(connection, statements.SAVE_CHECK, checks)
        self._rule(connection, verdicts)

    def _rule(self, connection: Connection, verdicts: Iterable[VerdictRecord]) -> None:
        said = [rows.verdict_row(each) | self._here | {"run": self._recorded(each.run)} for each in verdicts]
        _each(connection, statements.SAVE_VERDICT, said)

    def _recorded(self, run: str) -> str:
        return rows.run_recorded(run, self._environment)


def _of_another(run: str, environment: str) -> UsageError:
    where = f"environment {environment}" if environment else "main"
    return UsageError(f"run {run} is one of {where}", hint=f"`--env {environment or 'main'}` says that it is meant")


def free_all(connection: Connection) -> None:
    """Free all leases of a database that is a copy: their holders work on the original."""
    connection.execute(statements.FREE_ALL)


def run_ids(connection: Connection) -> frozenset[str]:
    """The ids of all recorded runs, those of environments too."""
    return frozenset(rows.run_named(row.id) for row in connection.execute(statements.ALL_RUNS))


def _each(connection: Connection, statement: Statement, values: Sequence[Mapping[str, Any]]) -> None:
    """Run the statement once for each row; for no rows SQLAlchemy would run it once, unbound."""
    if values:
        connection.execute(statement, values)


def _restore_checks(connection: Connection, run: RunRecord) -> None:
    """Add the checks of each step of which none is recorded."""
    recorded = {row.asset for row in connection.execute(statements.CHECKS, {"runs": [run.id]})}
    for step in run.steps:
        if str(step.asset) not in recorded:
            _each(
                connection, statements.SAVE_CHECK, [rows.check_row(run.id, step, at) for at in range(len(step.checks))]
            )


def _runs(connection: Connection, found: Sequence[Row]) -> tuple[RunRecord, ...]:
    ids = {"runs": [row.id for row in found]}
    checks: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for row in connection.execute(statements.CHECKS, ids):
        checks[row.run, row.asset].append(rows.check(row))
    steps: dict[str, list[StepRecord]] = defaultdict(list)
    for row in connection.execute(statements.STEPS, ids):
        steps[row.run].append(rows.step(row, tuple(checks[row.run, row.asset])))
    return tuple(rows.run(row, tuple(steps[row.id])) for row in found)
