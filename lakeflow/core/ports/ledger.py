"""The ports to records: the ledger of runs and verdicts, and the outbox of alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from lakeflow.core.alerts.messages import Seen
    from lakeflow.core.alerts.outbox import Alert
    from lakeflow.core.alerts.troubles import AlertRule, Condition
    from lakeflow.core.care.garbage import Dropped
    from lakeflow.core.intents.intent import EnvironmentNote, Intent, Intents
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.run import Lease, RunRecord, RunState, StepRecord, VerdictRecord
    from lakeflow.core.ports.entry import Transaction
    from lakeflow.core.run.leases import CurrentLeases


class Ledger(Protocol):
    """The record of runs, verdicts and leases."""

    def acquire(self, lease: Lease) -> tuple[str, ...]:
        """Take all assets of the lease or none. BusyError names the holder, the start, and the run.

        Leases of dead holders are taken over; their runs become `abandoned` and their ids are returned.
        """
        ...

    def renew(self, lease: Lease) -> None:
        """Renew the lease. BusyError when another process has taken it over."""
        ...

    def release(self, lease: Lease) -> None: ...

    def save(
        self,
        run: RunRecord,
        verdicts: Sequence[VerdictRecord] = (),
        lease: Lease | None = None,
        others: Sequence[RunRecord] = (),
    ) -> None:
        """Save the run, and other runs that change with it, in one transaction. BusyError when `lease` is no longer
        held.
        """
        ...

    def note(self, lease: Lease, run: str, step: StepRecord) -> None:
        """Save one step of a saved run by itself: a run of a thousand steps notes a thousand of them.

        BusyError when `lease` is no longer held.
        """
        ...

    def record(self, transaction: Transaction, lease: Lease, run: RunRecord, verdicts: Sequence[VerdictRecord]) -> None:
        """Record the run and its verdicts inside the catalog's transaction. BusyError when `lease` is no longer
        held.
        """
        ...

    def note_environment(self, transaction: Transaction, lease: Lease, note: EnvironmentNote) -> None:
        """Record what becomes of an environment inside the catalog's transaction. BusyError when `lease` is no longer
        held.
        """
        ...

    def intend(self, intent: Intent, lease: Lease) -> None:
        """Write down what a commit is about to do, before a catalog is asked that has a database of its own. BusyError
        when `lease` is no longer held.
        """
        ...

    def fulfil(self, intent: Intent) -> None:
        """The commit has happened: record all that the intent says, in the ledger of its environment. Nothing happens
        to an intent that is settled.
        """
        ...

    def withdraw(self, intent: Intent) -> None:
        """The commit has not happened. Nothing happens to an intent that is settled."""
        ...

    def intents(self) -> Intents:
        """Every intent that is not settled, oldest first."""
        ...

    def run(self, prefix: str) -> RunRecord:
        """The run whose id starts with the prefix. UsageError when no id or several do."""
        ...

    def runs(self, limit: int = 50) -> tuple[RunRecord, ...]:
        """All runs, newest first."""
        ...

    def states(self) -> Mapping[str, RunState]:
        """The state of every run, by its id."""
        ...

    def unpublished(self, keys: Iterable[AssetKey]) -> tuple[RunRecord, ...]:
        """The runs that ended with something unpublished of one of these assets that a branch may hold or a person
        decides about, newest first. A step that was skipped, or errored before it wrote, is no such thing.
        """
        ...

    def rename(self, transaction: Transaction, old: AssetKey, new: AssetKey) -> None:
        """Move everything recorded about an asset to its other name, within the catalog's transaction."""
        ...

    def drop(self, transaction: Transaction, dropped: Dropped) -> None:
        """Record that the table was dropped, within the catalog's transaction."""
        ...

    def dropped(self) -> tuple[Dropped, ...]:
        """Every table that was ever dropped, oldest first."""
        ...

    def tokens_at_work(self) -> frozenset[str]:
        """The tokens of all leases whose holders live, of runs on main and in environments."""
        ...

    def standing(self) -> CurrentLeases:
        """All leases, each with what is known about its holder now."""
        ...

    def verdicts(self, keys: Iterable[AssetKey]) -> Mapping[AssetKey, tuple[VerdictRecord, ...]]:
        """Every verdict on these assets, oldest first."""
        ...

    def until(self, run: str) -> tuple[VerdictRecord, ...]:
        """Every verdict of all runs up to the last publish of that run, in the order in which they were recorded;
        empty when it published nothing.
        """
        ...

    def latest(self, snapshots: Mapping[AssetKey, Iterable[int]]) -> Mapping[AssetKey, Sequence[VerdictRecord]]:
        """The latest verdict of each ruling on each of these snapshots, oldest first. Years of runs do not slow it
        down.
        """
        ...

    def pinned(self) -> frozenset[int]:
        """The snapshots that the steps of running runs read."""
        ...

    def remember_code(self, version: str, algorithm: str, source: str) -> None:
        """Keep the text behind a code version, so that a new algorithm can read old versions (DECISIONS 12)."""
        ...

    def code(self, version: str) -> str | None: ...

    def lost(self) -> tuple[str, ...]:
        """The names of its tables that are gone; what they held can only be asked of the lake's own tables."""
        ...


class Outbox(Protocol):
    """Alerts that wait to be sent, and those that were. What a run tells stands here once the run is saved."""

    @property
    def rules(self) -> Sequence[AlertRule]:
        """Whom to tell what; without any, nothing is recorded."""
        ...

    def judge(
        self,
        conditions: Mapping[AssetKey, Condition],
        seen: Mapping[AssetKey, Seen],
        reasons: Mapping[AssetKey, Sequence[str]],
        at: datetime,
    ) -> None:
        """Record what has changed by the clock and by the last verdicts: how each asset stands at that time, what its
        readers see, and why it is late or degraded.
        """
        ...

    def alerts(self, limit: int) -> tuple[Alert, ...]:
        """The last alerts, newest first."""
        ...

    def open(self) -> tuple[Alert, ...]:
        """What was not sent yet, oldest first."""
        ...

    def claim(self, alerts: Iterable[Alert], now: datetime) -> tuple[Alert, ...]:
        """Take those of the alerts that no other machine is sending; one process of a machine sends at a time."""
        ...

    def settle(self, alerts: Iterable[Alert]) -> None:
        """Record how sending these alerts ended, and let go of them."""
        ...

    def lake_id(self) -> str:
        """The id of the lake, empty before its first write."""
        ...
