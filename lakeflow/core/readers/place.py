"""Where other engines find the lake, as the settings say it: which kind of catalog, its address, and the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from lakeflow.core.keys import EMPTY
from lakeflow.core.redaction import redacted
from lakeflow.core.settings.catalogs import CatalogKind
from lakeflow.core.settings.settings import Settings

NAME: Final = "lakeflow"
"""The name of the catalog in its database, and what it is called in lines for readers."""


class PlaceKind(StrEnum):
    """By what the catalog is kept: a file of SQLite, a PostgreSQL server, or a server that speaks Iceberg's REST."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    REST = "rest"


@dataclass(frozen=True)
class LakePlace:
    """The lake as a reader's configuration names it. Variables are as they are written, `${NAME}`, and a secret that
    is written plainly is hidden. `access` are the tokens of a REST catalog, `route` where else it is asked, `storage`
    the settings of an object store.
    """

    kind: PlaceKind
    uri: str
    warehouse: str
    access: Mapping[str, str] = EMPTY
    storage: Mapping[str, str] = EMPTY
    route: Mapping[str, str] = EMPTY

    @property
    def store(self) -> str:
        """The scheme of the object store of the tables; empty on a disk."""
        scheme = urlsplit(self.warehouse).scheme
        return "" if scheme in {"", "file"} else scheme

    @property
    def is_local(self) -> bool:
        """Is all of it on the disk of this machine, or a part?"""
        return self.kind is PlaceKind.SQLITE or (not self.store and self.kind is not PlaceKind.REST)


def place_of(settings: Settings, root: str) -> LakePlace:
    """`root` is the absolute path of the project."""
    storage = {name.removeprefix("storage."): str(text) for name, text in settings.storage_table.shown()}
    named = settings.catalogs.get(settings.served_by or "")
    if named is not None and named.kind is CatalogKind.REST:
        shown = {name.rpartition(".")[2]: text for name, text in named.shown()}
        access = {name: text for name, text in shown.items() if name in {"token", "credential", "scope"}}
        route = {name: text for name, text in shown.items() if name in {"prefix", "oauth2_uri"}}
        return LakePlace(PlaceKind.REST, shown["uri"], shown.get("warehouse", ""), access, storage, route)
    warehouse = _warehouse(settings, root)
    text = settings.catalog_text
    if text is None:
        return LakePlace(
            PlaceKind.SQLITE, f"sqlite:///{root}/{settings.state_dir}/catalog.db", warehouse, EMPTY, storage
        )
    if text.startswith("sqlite"):
        return LakePlace(PlaceKind.SQLITE, _absolute(text, root), warehouse, EMPTY, storage)
    return LakePlace(PlaceKind.POSTGRESQL, redacted(text), warehouse, EMPTY, storage)


def _warehouse(settings: Settings, root: str) -> str:
    found = settings.warehouse or f"{settings.state_dir}/warehouse"
    return found if "://" in found else f"file://{found if found.startswith('/') else f'{root}/{found}'}"


def _absolute(uri: str, root: str) -> str:
    before, slashes, path = uri.partition(":///")
    return uri if path.startswith("/") else f"{before}{slashes}{root}/{path}"
