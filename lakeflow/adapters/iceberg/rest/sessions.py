"""Reads tables from a REST catalog as they stand, and sends it commits of several tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.adapters.iceberg.rest.client import CatalogClient, LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.known import KnownStates
from lakeflow.adapters.iceberg.rest.times import with_recorded_times
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey, Layer

TRANSACTIONS: Final = "/transactions/commit"
_LOOKS: Final = 6
"""How often a table is asked for whose answer is older than what is known: for some seconds."""
_PROBE: Final = "lakeflow_probe_that_is_no_table"


def table_path(key: AssetKey) -> str:
    return f"/namespaces/{quote(str(key.layer))}/tables/{quote(key.name)}"


class Tables:
    """The server's tables. `non_atomic` allows commits of several tables where the server has no request for them: one
    after the other, in the order in which they were asked for.
    """

    def __init__(self, client: CatalogClient, files: MetadataFiles, *, non_atomic: bool) -> None:
        self.client = client
        self._files = files
        self._non_atomic = non_atomic
        self._atomic: bool | None = None
        self.known = KnownStates()

    def keys(self) -> frozenset[AssetKey]:
        found = (AssetKey.find(f"{layer}.{name}") for layer in Layer for name in self._names(layer))
        return frozenset(key for key in found if key)

    def load(self, key: AssetKey) -> LoadedTable | None:
        """The table as the server has it now; None where it has none. LakeError where it answers with an older state
        than one that is known.
        """
        return self._looked_for(key, lambda found: not self.known.is_older(key, found))

    def after(self, seen: LoadedTable, is_there: Callable[[LoadedTable], bool]) -> LoadedTable | None:
        """The table once what was committed on `seen` shows in it."""
        key, before = seen.table.key, seen.table.version
        return self._looked_for(
            key,
            lambda found: (
                not self.known.is_older(key, found)
                and (found is None or found.table.version != before or is_there(found))
            ),
        )

    def _looked_for(self, key: AssetKey, is_new: Callable[[LoadedTable | None], bool]) -> LoadedTable | None:
        for attempt in range(1, _LOOKS + 1):
            answer = self.client.get(table_path(key))
            found = None if answer is None else self._read(key, answer)
            if is_new(found):
                self.known.saw(key, found)
                return found
            if attempt < _LOOKS:
                self.client.rest(attempt)
        # A process that stays open would never get over an older state that somebody registered: it begins anew.
        self.known.moved(key)
        raise LakeError(
            f"{key}: {self.client.place} keeps answering with an older state of the table than one that is known",
            hint="let no cache, and no copy that lags behind, stand between; where another engine registered an older "
            "state, repeat the command",
            asset=key,
        )

    def make_layers(self) -> None:
        for layer in Layer:
            try:
                self.client.repeat("POST", "/namespaces", {"namespace": [str(layer)], "properties": {}})
            except RefusedError as refused:
                if refused.code != 409:
                    raise self.client.failed(refused) from None
            except UnsentError as unsent:
                raise self.client.away(unsent) from None
            except LostError as lost:
                if self.client.get(f"/namespaces/{layer}") is None:
                    raise self.client.away(lost) from None

    def require_together(self, number: int) -> None:
        """LakeError where so many tables cannot be changed together."""
        if number > 1 and not self._non_atomic and not self.together:
            raise LakeError(
                f"{self.client.place} cannot change several tables in one request, so that readers could see a part of "
                "a publish",
                hint="publish one asset at a time, or accept that: `--non-atomic`",
            )

    @property
    def together(self) -> bool:
        """Does the server change several tables in one request? It says so, or shows it."""
        if self._atomic is None:
            said = self.client.lists("POST", TRANSACTIONS)
            self._atomic = self._shown() if said is None else said
        return self._atomic

    def send(self, changes: Sequence[Json]) -> None:
        """RefusedError and UnsentError where the server changed nothing, LostError where nobody knows."""
        if len(changes) == 1:
            self.client.call("POST", _path(changes[0]), changes[0])
        elif self.together:
            self.client.call("POST", TRANSACTIONS, {"table-changes": list(changes)})
        else:
            self._one_by_one(changes)

    def _one_by_one(self, changes: Sequence[Json]) -> None:
        """What only requires something comes first, so that nothing is changed where it does not hold."""
        done = 0
        for change in sorted(changes, key=lambda change: bool(change["updates"])):
            try:
                self.client.call("POST", _path(change), change)
            except (RefusedError, UnsentError):
                if done:
                    raise LostError("some of the tables were changed") from None
                raise
            done += bool(change["updates"])

    def _shown(self) -> bool:
        """A commit on a table that does not exist is refused for that reason where such requests are known."""
        required = {"type": "assert-table-uuid", "uuid": "00000000-0000-0000-0000-000000000000"}
        probe = {
            "identifier": {"namespace": [str(Layer.BRONZE)], "name": _PROBE},
            "requirements": [required],
            "updates": [],
        }
        try:
            self.client.repeat("POST", TRANSACTIONS, {"table-changes": [probe]})
        except RefusedError as refused:
            return "NoSuch" in refused.kind
        except LostError as lost:
            raise self.client.away(lost) from None
        return True

    def _read(self, key: AssetKey, answer: Mapping[str, Any]) -> LoadedTable:
        location, content = answer.get("metadata-location"), answer.get("metadata")
        if not isinstance(location, str) or not isinstance(content, dict):
            raise LakeError(f"{key}: {self.client.place} answers with no metadata of it", asset=key)
        said = {"refs": {}, "snapshots": [], **content}
        if said.get("current-snapshot-id") == -1:
            del said["current-snapshot-id"]
        return self._files.remember(key, location, with_recorded_times(said))

    def _names(self, layer: Layer) -> list[str]:
        names: list[str] = []
        page = ""
        while True:
            answer = self.client.get(f"/namespaces/{layer}/tables{page}") or {}
            names += [str(each["name"]) for each in answer.get("identifiers") or ()]
            token = answer.get("next-page-token")
            if not token:
                return names
            page = f"?pageToken={quote(str(token), safe='')}"


def _path(change: Json) -> str:
    named = change["identifier"]
    return f"/namespaces/{quote(named['namespace'][0])}/tables/{quote(named['name'])}"
