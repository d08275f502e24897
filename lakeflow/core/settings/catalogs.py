"""The catalogs of external tables in the settings: judged when they are read; their secrets are read when they are
used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from lakeflow.core.errors import ConfigError
from lakeflow.core.keys import Layer
from lakeflow.core.redaction import redacted, secret
from lakeflow.core.wording import did_you_mean

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN: Final = frozenset({*Layer, "published", "main", "memory", "system", "temp"})
"""First names in SQL that have a meaning already: a layer, or a database of DuckDB or of lakeflow."""
_RUNS_CODE: Final = re.compile(r"(.+\.)?py-.+|(.+[.-])?impl")
_SECRETS: Final = frozenset({"token", "credential", "scope", "access_key_id", "secret_access_key", "session_token"})
"""Settings that are hidden as a whole. A scope is a text that a server defines, and some put a tenant's key into it."""
_KNOWN_SCOPES: Final = frozenset({"catalog", "PRINCIPAL_ROLE:ALL"})
"""Those that stand in the manuals of servers hide nothing."""


Text = Annotated[str, Field(strict=True, min_length=1)]
SecretText = Annotated[str, Field(strict=True, min_length=1, repr=False)]


class CatalogKind(StrEnum):
    SQL = "sql"
    REST = "rest"
    FILES = "files"


class ExternalCatalog(BaseModel):
    """One `[tool.lakeflow.catalogs.NAME]`, with its texts as they are written. It has exactly one of `uri`, `path` and
    `tables`.

    `uri` is a SQLAlchemy URL of a database that holds pyiceberg's or Iceberg-Java's `iceberg_tables`, or an http(s)
    URL of a REST catalog. `path` is a folder of `<namespace>/<table>/metadata/`; `tables` maps `namespace.table` to a
    table's folder or metadata file. `catalog_name` is the name inside the database where that differs.

    Who asks a REST catalog is a `token`, a `credential` for which tokens are fetched at `oauth2_uri` (else at the
    catalog's own), or keys that sign each request for a `region` and the service `signing_name`. `prefix` is the part
    of its paths that a server does not say itself.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    uri: SecretText = ""
    path: Text = ""
    tables: dict[str, Text] = {}
    catalog_name: Text = ""
    warehouse: Text = ""
    token: SecretText = ""
    credential: SecretText = ""
    scope: SecretText = ""
    oauth2_uri: Text = ""
    prefix: Text = ""
    region: Text = ""
    signing_name: Text = ""
    access_key_id: SecretText = ""
    secret_access_key: SecretText = ""
    session_token: SecretText = ""

    @model_validator(mode="after")
    def _stands_in_one_place(self) -> ExternalCatalog:
        if sum(map(bool, (self.uri, self.path, self.tables))) != 1:
            raise PydanticCustomError("place", "give exactly one of uri, path and tables")
        return self

    @property
    def kind(self) -> CatalogKind:
        if not self.uri:
            return CatalogKind.FILES
        return CatalogKind.REST if self.uri.startswith(("http://", "https://")) else CatalogKind.SQL

    def used(self, resolve: Callable[[str, str], str]) -> ExternalCatalog:
        """The catalog with each variable replaced by `resolve(setting, text)`, which happens only when the catalog is
        asked.
        """
        texts = {field: resolve(self._setting(field), text) for field, text in self._texts()}
        tables = {name: resolve(self._setting("tables"), place) for name, place in self.tables.items()}
        return self.model_copy(update={**texts, "tables": tables})

    def shown(self) -> Iterator[tuple[str, str]]:
        """Each setting that was given, for a screen: variables as written, and no secret."""
        for field, text in self._texts():
            hides = field in _SECRETS and not (field == "scope" and text in _KNOWN_SCOPES)
            yield self._setting(field), secret(text) if hides else redacted(text)
        for name, place in self.tables.items():
            yield f"{self._setting('tables')}.{name}", redacted(place)

    def _texts(self) -> list[tuple[str, str]]:
        return [(field, getattr(self, field)) for field in _TEXTS if getattr(self, field)]

    def _setting(self, field: str) -> str:
        return f"catalogs.{self.name}.{field}"


_TEXTS: Final = tuple(name for name in ExternalCatalog.model_fields if name not in {"name", "tables"})
_FIELDS: Final = (*_TEXTS, "tables")


_ONE_PLACE: Final = "uri names a database or a REST catalog, path a folder of tables, tables each one's place"


def is_name(text: str) -> bool:
    """Can a catalog be called that? A URL of a database cannot."""
    return _NAME.fullmatch(text) is not None


def read_catalogs(raw: object, source: str) -> dict[str, ExternalCatalog]:
    """The catalogs of a settings table; ConfigError, naming `source` and no value, for the first that is wrong."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"catalogs: expected tables ({source})", hint="write [tool.lakeflow.catalogs.sales]")
    return {name: _catalog(name, said, source) for name, said in raw.items()}


def _catalog(name: str, said: object, source: str) -> ExternalCatalog:
    where = f"catalogs.{name}"
    if not _NAME.fullmatch(name) or name.lower() in _TAKEN:
        hint = f"choose another name of letters, digits and _; taken are {', '.join(sorted(_TAKEN))}"
        raise ConfigError(f"{where}: a catalog cannot be called that ({source})", hint=hint)
    if not isinstance(said, Mapping):
        raise ConfigError(f"{where}: expected a table ({source})", hint=f"write [tool.lakeflow.{where}]")
    if unsafe := next(filter(_RUNS_CODE.fullmatch, said), None):
        message = f"{where}.{unsafe} names code to import and run, which no catalog may ({source})"
        raise ConfigError(message, hint="drop that key")
    if unknown := next((field for field in said if field not in _FIELDS), None):
        hint = did_you_mean(unknown, _FIELDS, f"a catalog has {', '.join(_FIELDS)}")
        raise ConfigError(f"{where}.{unknown}: there is no such setting ({source})", hint=hint)
    try:
        return ExternalCatalog(name=name, **said)
    except ValidationError as error:
        raise _bad(where, error.errors(include_url=False, include_input=False)[0], source) from None


def _bad(where: str, error: ErrorDetails, source: str) -> ConfigError:
    if error["type"] == "place":
        return ConfigError(f"{where}: {error['msg']} ({source})", hint=_ONE_PLACE)
    field = str(error["loc"][0])
    expected = 'places such as {"shop.orders" = "data/orders"}' if field == "tables" else "a text"
    return ConfigError(f"{where}.{field}: expected {expected} ({source})", hint=f"mend it in {source}")
