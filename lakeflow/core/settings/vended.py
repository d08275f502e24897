"""Keys of a store that a REST catalog hands out for one table, as settings of that store.

The names are those of Iceberg's file IO (REST OpenAPI: `config` and `storage-credentials` of `loadTable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lakeflow.core.ports.locations import store_of
from lakeflow.core.settings.storage import Storage
from lakeflow.core.values import dataclass

MARGIN: Final = 300.0
"""Seconds before their end at which keys are fetched anew: a large file may take as long."""
UNSAID: Final = 900.0
"""How long keys are good, in seconds, whose end the catalog does not say: no service makes shorter ones."""


@dataclass(frozen=True)
class VendedStorage:
    """`until` is their end and `renew_at` when new ones are fetched, both in seconds since the epoch."""

    storage: Storage
    until: float
    renew_at: float


def vended(answer: Mapping[str, Any], location: str, said: Storage, now: float) -> VendedStorage:
    """What the answer hands out for files below the location, over what the settings say. Where it hands out nothing,
    the settings stand; the catalog is asked again as late as it would be for keys.
    """
    config = _config_for(answer, location)
    scheme = store_of(location)
    keys: dict[str, Any]
    keys, until = {"s3": _s3, "gs": _gs, "abfss": _azure}.get(scheme, _nothing)(config, location)
    ends = until / 1000 if until else now + UNSAID
    place = {"region": config.get("client.region") or config.get("s3.region"), "endpoint": config.get("s3.endpoint")}
    if keys and scheme == "s3":
        keys |= {name: str(text) for name, text in place.items() if text and not getattr(said, name)}
    return VendedStorage(replace(said, **keys), ends, max(ends - MARGIN, (now + ends) / 2))


def _config_for(answer: Mapping[str, Any], location: str) -> Mapping[str, Any]:
    """The table's own, and over it the one whose prefix says most of the location."""
    several = [one for one in answer.get("storage-credentials") or () if isinstance(one, dict)]
    fitting = [one for one in several if location.startswith(str(one.get("prefix", "")))]
    closest = max(fitting, key=lambda one: len(str(one.get("prefix", ""))), default={})
    return {**(answer.get("config") or {}), **(closest.get("config") or {})}


def _s3(config: Mapping[str, Any], _location: str) -> tuple[dict[str, Any], float]:
    names = {
        "access_key_id": "s3.access-key-id",
        "secret_access_key": "s3.secret-access-key",
        "session_token": "s3.session-token",
    }
    keys = {ours: str(config[theirs]) for ours, theirs in names.items() if config.get(theirs)}
    whole = {"access_key_id", "secret_access_key"} <= set(keys)
    return (keys, _ms(config.get("s3.session-token-expires-at-ms"))) if whole else ({}, 0.0)


def _gs(config: Mapping[str, Any], _location: str) -> tuple[dict[str, Any], float]:
    token = config.get("gcs.oauth2.token")
    return ({"access_token": str(token)}, _ms(config.get("gcs.oauth2.token-expires-at"))) if token else ({}, 0.0)


def _azure(config: Mapping[str, Any], location: str) -> tuple[dict[str, Any], float]:
    """A catalog names the account by its host, or by its name alone."""
    host = location.partition("@")[2].partition("/")[0]
    for account in (host, host.partition(".")[0]):
        if token := config.get(f"adls.sas-token.{account}"):
            return {"sas_token": str(token)}, _ms(config.get(f"adls.sas-token-expires-at-ms.{account}"))
    return {}, 0.0


def _nothing(_config: Mapping[str, Any], _location: str) -> tuple[dict[str, Any], float]:
    return {}, 0.0


def _ms(said: object) -> float:
    """Milliseconds since the epoch; 0 where the catalog says none."""
    try:
        return float(str(said))
    except ValueError:
        return 0.0
