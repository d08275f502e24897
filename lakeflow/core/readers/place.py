"""Where other engines find the lake, as the settings say it: which kind of catalog, its address, and the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from lakeflow.core.keys import EMPTY
from lakeflow.core.redaction import redacted
from lakeflow.core.settings.catalogs import CatalogKind, ExternalCatalog
from lakeflow.core.settings.settings import Settings
from lakeflow.core.values import dataclass

NAME: Final = "lakeflow"
"""The name of the catalog in its database, and what it is called in lines for readers."""
_SIGNED_FOR: Final = "glue"
"""The service for which requests are signed where the settings name none."""


class PlaceKind(StrEnum):
    """By what the catalog is kept: a file of SQLite, a PostgreSQL server, or a server that speaks Iceberg's REST."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    REST = "rest"


@dataclass(frozen=True)
class LakePlace:
    """The lake as a reader's configuration names it. Variables are as they are written, `${NAME}`, and a secret that
    is written plainly is hidden. `access` are the tokens of a REST catalog, `signing` what its requests are signed
    with instead, `route` where else it is asked, `storage` the settings of an object store. A REST catalog `vends`
    where these hold no keys: it is asked for those of each table.
    """

    kind: PlaceKind
    uri: str
    warehouse: str
    access: Mapping[str, str] = EMPTY
    storage: Mapping[str, str] = EMPTY
    route: Mapping[str, str] = EMPTY
    signing: Mapping[str, str] = EMPTY
    vends: bool = False

    @property
    def is_local(self) -> bool:
        """Is all of it on the disk of this machine, or a part?"""
        return self.kind is PlaceKind.SQLITE or (not store_at(self.warehouse) and self.kind is not PlaceKind.REST)


def place_of(settings: Settings, root: str) -> LakePlace:
    """`root` is the absolute path of the project."""
    storage = {name.removeprefix("storage."): str(text) for name, text in settings.storage_table.shown()}
    named = settings.catalogs.get(settings.served_by or "")
    if named is not None and named.kind is CatalogKind.REST:
        return _served(named, storage, vends=not settings.storage_table.says_who)
    warehouse = _warehouse(settings, root)
    text = settings.catalog_text
    if text is None:
        return LakePlace(
            PlaceKind.SQLITE, f"sqlite:///{root}/{settings.state_dir}/catalog.db", warehouse, EMPTY, storage
        )
    if text.startswith("sqlite"):
        return LakePlace(PlaceKind.SQLITE, _absolute(text, root), warehouse, EMPTY, storage)
    return LakePlace(PlaceKind.POSTGRESQL, redacted(text), warehouse, EMPTY, storage)


def store_at(location: str) -> str:
    """The scheme of the object store that a location is in; empty on a disk."""
    scheme = urlsplit(location).scheme
    return "" if scheme in {"", "file"} else scheme


def _served(named: ExternalCatalog, storage: Mapping[str, str], *, vends: bool) -> LakePlace:
    shown = {name.rpartition(".")[2]: text for name, text in named.shown()}

    def said(*names: str) -> dict[str, str]:
        return {name: shown[name] for name in names if name in shown}

    access, route = said("token", "credential", "scope"), said("prefix", "oauth2_uri")
    if "credential" in access and "oauth2_uri" not in route:  # every client says the same by default, and warns of it
        route["oauth2_uri"] = f"{shown['uri'].rstrip('/')}/v1/oauth/tokens"
    signing: Mapping[str, str] = EMPTY
    if named.access_key_id:
        keys = said("access_key_id", "secret_access_key", "session_token")
        signing = {"signing_name": _SIGNED_FOR, **said("region", "signing_name"), **keys}
    warehouse = shown.get("warehouse", "")
    return LakePlace(PlaceKind.REST, shown["uri"], warehouse, access, storage, route, signing, vends)


def _warehouse(settings: Settings, root: str) -> str:
    found = settings.warehouse or f"{settings.state_dir}/warehouse"
    return found if "://" in found else f"file://{found if found.startswith('/') else f'{root}/{found}'}"


def _absolute(uri: str, root: str) -> str:
    before, slashes, path = uri.partition(":///")
    return uri if path.startswith("/") else f"{before}{slashes}{root}/{path}"
