"""Whose namespaces a server's layers are: the lake's id stands in the lake's database and as a property of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import uuid4

from lakeflow.adapters.iceberg.care.ownership import lake_id
from lakeflow.adapters.iceberg.commit.pointers import CatalogDatabase
from lakeflow.adapters.iceberg.rest.client import CatalogClient, LostError, RefusedError, UnsentError
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import Layer
from lakeflow.core.ports.database import sql

_OWNER: Final = "lakeflow.lake"
_RUNS: Final = sql("select 1 from lakeflow_runs limit 1")


class PlacedDatabase(CatalogDatabase, Protocol):
    @property
    def place(self) -> str: ...


class Namespaces:
    """`name` is how the lake is called in messages."""

    def __init__(self, client: CatalogClient, database: PlacedDatabase, name: str) -> None:
        self._client = client
        self._database = database
        self._name = name
        self._claimed = False

    def claim(self) -> None:
        """Make the layers' namespaces this lake's where they are nobody's. LakeError where they are another lake's, or
        hold tables that no lake made.
        """
        if self._claimed:
            return
        mine = lake_id(self._database, str(uuid4()), datetime.now(UTC))
        owners = {layer: self._owner(layer) for layer in Layer}
        for layer, owner in owners.items():
            self._refuse_other(layer, owner, mine)
        if not any(owners.values()):
            self._refuse_filled()
        for layer, owner in owners.items():
            if owner is None or not owner:
                self._mark(layer, mine, exists=owner is not None)
        for layer in Layer:  # another lake may have been at it at the same time: who wrote last has it
            self._refuse_other(layer, self._owner(layer), mine)
        self._claimed = True

    def _owner(self, layer: Layer) -> str | None:
        """The id and name of the lake that has the namespace; empty: nobody has; None: there is no such namespace."""
        answer = self._client.get(f"/namespaces/{layer}")
        return None if answer is None else str((answer.get("properties") or {}).get(_OWNER, ""))

    def _refuse_other(self, layer: Layer, owner: str | None, mine: str) -> None:
        id_, _, name = (owner or mine).partition(" ")
        if id_ != mine:
            raise LakeError(
                f"the namespace {layer} of {self._client.place} is the lake {name or id_}'s, not {self._name}'s",
                hint="give each project a warehouse, or a server, of its own; "
                f"the ledger of that lake would be needed to write there (here it is {self._database.place})",
            )

    def _refuse_filled(self) -> None:
        with self._database.read() as connection:
            ran = connection.execute(_RUNS).first() is not None
        held = [layer for layer in Layer if (self._client.get(f"/namespaces/{layer}/tables") or {}).get("identifiers")]
        if held and not ran:
            raise LakeError(
                f"the namespace {held[0]} of {self._client.place} holds tables that no lake made",
                hint="give the lake a warehouse whose namespaces bronze, silver and gold are empty",
            )

    def _mark(self, layer: Layer, mine: str, *, exists: bool) -> None:
        owner = {_OWNER: f"{mine} {self._name}"}
        made = {"namespace": [str(layer)], "properties": owner}
        change = {"removals": [], "updates": owner}
        try:
            if exists:  # once: sent again it would take the namespace from a lake that came between
                self._client.call("POST", f"/namespaces/{layer}/properties", change)
            else:
                self._client.repeat("POST", "/namespaces", made)
        except RefusedError as refused:
            if refused.code != 409:
                raise self._client.failed(refused) from None
        except UnsentError as unsent:
            raise self._client.away(unsent) from None
        except LostError as lost:
            if not self._owner(layer):
                raise self._client.away(lost) from None
