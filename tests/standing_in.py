"""Whole lakes, wherever they can be kept: what their settings say, what their processes find in the environment, and
the catalog as pyiceberg sees it, which knows nothing of lakeflow.

    @pytest.fixture(params=KINDS)
    def place(request, servers, tmp_path):
        return place_of(request.param, servers, tmp_path / "state")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, get_args

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog

from tests.servers.endpoints import Endpoint, Rest
from tests.servers.fixture import RestKind, Servers

Kind = Literal["sqlite", "sqlite-s3", "postgresql", "postgresql-s3", "rest-seaweedfs", "rest-java", "rest-java-s3"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql-s3", "rest-seaweedfs", "rest-java")
"""Each catalog, and each kind of place for files, once."""
EVERY: Final[tuple[Kind, ...]] = get_args(Kind)
"""Each catalog with each kind of place for files that it can have: SeaweedFS has its own store alone."""


@dataclass(frozen=True)
class Standing:
    """`settings` go into the lake's `pyproject.toml`, and `environment` into that of its processes: each key to a
    server is a variable. `theirs` opens pyiceberg's catalog. A server chooses its own `warehouse`.
    """

    settings: str
    environment: Mapping[str, str] = field(repr=False)
    theirs: Callable[[], Catalog]
    warehouse: str = ""


def place_of(kind: Kind, servers: Servers, state: Path) -> Standing:
    """A new and empty place; whatever a lake has beside its tables is in the folder `state`."""
    catalog, _, files = kind.partition("-")
    if catalog == "rest":
        named: RestKind = "seaweedfs" if files == "seaweedfs" else "java-s3" if files == "java-s3" else "java"
        return _rest(servers.rest(named), state)
    store = servers.s3() if files == "s3" else None
    database = servers.postgres().url() if catalog == "postgresql" else ""
    return _sql(database, store, state)


def in_store(store: Endpoint, state: Path, uri: str) -> Standing:
    """With its catalog in SQLite. The lake finds the store at `uri`, pyiceberg where it is."""
    found = _sql("", store, state)
    return replace(found, environment={**found.environment, "STORE": uri})


def _sql(database: str, store: Endpoint | None, state: Path) -> Standing:
    warehouse = f"s3://{store.bucket()}/lake" if store else f"{state}/warehouse"
    catalog = 'catalog = "${CATALOG}"\n' if database else ""
    uri = database.replace("postgresql://", "postgresql+psycopg://") or f"sqlite:///{state}/catalog.db"
    return Standing(
        f'[tool.lakeflow]\nstate_dir = "{state}"\nwarehouse = "{warehouse}"\n{catalog}{_storage(store)}',
        {"CATALOG": database, **_keys(store)},
        lambda: SqlCatalog("lakeflow", uri=uri, warehouse=warehouse, **_known(store)),
        warehouse,
    )


def _rest(server: Rest, state: Path) -> Standing:
    said = {"uri": server.uri, "warehouse": server.warehouse}
    known = {**said, "scope": "catalog", **_known(server.store)}
    if server.credential:
        said |= {"prefix": server.warehouse, "credential": "${CREDENTIAL}"}
        known |= {"prefix": server.warehouse, "credential": server.credential}
        known["oauth2-server-uri"] = f"{server.uri}/v1/oauth/tokens"
    lines = "".join(f'{name} = "{text}"\n' for name, text in said.items())
    return Standing(
        f'[tool.lakeflow]\nstate_dir = "{state}"\ncatalog = "prod"\n'
        f"[tool.lakeflow.catalogs.prod]\n{lines}{_storage(server.store)}",
        {"CREDENTIAL": server.credential, **_keys(server.store)},
        lambda: RestCatalog("theirs", **known),
    )


def _storage(store: Endpoint | None) -> str:
    if store is None:
        return ""
    said = {"endpoint": "${STORE}", "access_key_id": "${STORE_KEY}", "secret_access_key": "${STORE_SECRET}"}
    return "[tool.lakeflow.storage]\n" + "".join(f'{name} = "{text}"\n' for name, text in said.items())


def _keys(store: Endpoint | None) -> dict[str, str]:
    if store is None:
        return {}
    return {"STORE": store.uri, "STORE_KEY": store.access_key, "STORE_SECRET": store.secret_key}


def _known(store: Endpoint | None) -> dict[str, str]:
    return store.for_pyiceberg if store else {}
