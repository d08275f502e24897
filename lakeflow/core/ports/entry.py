"""What a commit records in the ledger, for catalogs that share its database and for those that do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, Self

from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change


class Transaction(Protocol):
    """An open transaction of the catalog's database. A run only passes it on: the catalog opens it, and the ledger of
    the same database writes into it (DECISIONS 19).
    """


class Entry(Protocol):
    """What one commit records. A catalog that shares the ledger's database calls `within`, and nothing else.

    Any other calls `before`, asks its server, and then calls `after` or `withdrawn`; `settled` where it cannot know
    what the server did.
    """

    def about(self, changes: Sequence[Change]) -> Self:
        """The same entry of a commit of these changes: an environment's are its own branches, not main."""
        ...

    def within(self, transaction: Transaction) -> None:
        """Record all of it in the catalog's transaction, which fails where this raises."""
        ...

    def before(self, seen: Mapping[AssetKey, str]) -> Intent | None:
        """Write down durably what the commit is about to do; `seen` says where the metadata of each table stands.

        BusyError when the lease is no longer held. None where nothing is recorded.
        """
        ...

    def after(self, intent: Intent | None) -> None:
        """The commit has happened: record it."""
        ...

    def withdrawn(self, intent: Intent | None) -> None:
        """The commit has not happened and never will."""
        ...

    def settled(self, intent: Intent | None) -> bool:
        """Nobody knows whether the commit has happened: look, bring it to one end, record that, and say whether it
        happened. LakeError while that cannot be known; the intent then stays for whoever writes next.
        """
        ...


class _Unrecorded:
    def about(self, _changes: Sequence[Change]) -> Self:
        return self

    def within(self, transaction: Transaction) -> None:
        """Nothing is written."""

    def before(self, _seen: Mapping[AssetKey, str]) -> Intent | None:
        return None

    def after(self, intent: Intent | None) -> None:
        """Nothing is written."""

    def withdrawn(self, intent: Intent | None) -> None:
        """Nothing was written."""

    def settled(self, _intent: Intent | None) -> bool:
        return False


UNRECORDED: Final[Entry] = _Unrecorded()
"""A commit that records nothing."""
