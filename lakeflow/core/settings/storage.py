"""The settings of object stores, `[tool.lakeflow.storage]`: judged when they are read; their secrets are read when a
store is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields, replace
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from lakeflow.core.errors import ConfigError
from lakeflow.core.redaction import redacted, secret
from lakeflow.core.values import dataclass
from lakeflow.core.wording import did_you_mean

STORES: Final[Mapping[str, str]] = {
    "s3": "s3://bucket/lake",
    "gs": "gs://bucket/lake",
    "abfss": "abfss://container@account.dfs.core.windows.net/lake",
}
"""The object stores in which tables may be kept, each by the scheme of its locations, with an example."""


class StorageAt(Protocol):
    """How stores are reached, which may differ from place to place and from hour to hour."""

    def at(self, location: str) -> Storage: ...


@dataclass(frozen=True)
class Storage:
    """How object stores are reached. What is not said is found as the vendor's own tools find it: variables of the
    environment, files of the user, the identity of the machine.

    `region`, `access_key_id`, `secret_access_key`, `session_token` and `profile` are of S3 and of what speaks its
    protocol; `access_token` and `service_account`, which is impersonated, of Google Cloud Storage; the names from
    `account_name` on of Azure. `endpoint` is where any of them stands instead, and `anonymous` signs nothing.
    """

    endpoint: str = ""
    region: str = ""
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""
    access_token: str = field(default="", repr=False)
    service_account: str = ""
    account_name: str = ""
    account_key: str = field(default="", repr=False)
    sas_token: str = field(default="", repr=False)
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    anonymous: bool = False

    def at(self, _location: str) -> Storage:
        """These settings are the same for all locations."""
        return self

    @property
    def says_who(self) -> bool:
        """Do the settings name keys, or where they are found? Else the vendor's own chain finds them."""
        return self.anonymous or any(getattr(self, name) for name in (*_SECRETS, "profile", "service_account"))

    def used(self, resolve: Callable[[str, str], str]) -> Storage:
        """The settings with each variable replaced by `resolve(setting, text)`. ConfigError, which names no value, for
        settings that do not go together.
        """
        texts: dict[str, Any] = {name: resolve(f"storage.{name}", text) for name, text in self._texts()}
        used = replace(self, **texts)
        used._require_whole()  # noqa: SLF001  its own kind
        return used

    def shown(self) -> Iterator[tuple[str, str | bool]]:
        """Each setting that was given, for a screen: variables as written, and no secret."""
        for name, text in self._texts():
            yield f"storage.{name}", secret(text) if name in _SECRETS else redacted(text)
        if self.anonymous:
            yield "storage.anonymous", True

    def _texts(self) -> list[tuple[str, str]]:
        return [(name, getattr(self, name)) for name in _TEXTS if getattr(self, name)]

    def _require_whole(self) -> None:
        if bool(self.access_key_id) != bool(self.secret_access_key):
            lacks = "secret_access_key" if self.access_key_id else "access_key_id"
            raise ConfigError(
                f"storage.{lacks} is missing: the two keys of S3 go together", hint=f"set storage.{lacks}"
            )
        if self.session_token and not self.access_key_id:
            raise ConfigError("storage.session_token goes with access_key_id", hint="set both keys, or no token")
        if ways := [name for name in _WAYS if getattr(self, name)][1:]:
            raise ConfigError(f"storage.{ways[0]}: another setting says already who we are", hint="keep one of them")
        if self.endpoint and (urlsplit(self.endpoint).scheme not in {"http", "https"} or _extra(self.endpoint)):
            raise ConfigError(
                "storage.endpoint: expected a URL such as https://host:9000", hint="mend storage.endpoint"
            )


UNSAID: Final = Storage()
"""Nothing is said of stores."""

_TEXTS: Final = tuple(each.name for each in fields(Storage) if each.name != "anonymous")
_SECRETS: Final = frozenset(
    {"access_key_id", "secret_access_key", "session_token", "access_token", "account_key", "sas_token", "client_secret"}
)
_WAYS: Final = ("anonymous", "access_key_id", "profile")
"""Of these, one at most says who we are to S3."""


def read_storage(raw: object, source: str) -> Storage:
    """The storage of a settings table; ConfigError, naming `source` and no value, for the first that is wrong."""
    if not isinstance(raw, Mapping):
        raise ConfigError(f"storage: expected a table ({source})", hint="write [tool.lakeflow.storage]")
    known = (*_TEXTS, "anonymous")
    if unknown := next((name for name in raw if name not in known), None):
        hint = did_you_mean(str(unknown), known, f"storage has {', '.join(known)}")
        raise ConfigError(f"storage.{unknown}: there is no such setting ({source})", hint=hint)
    for name in (name for name in known if name in raw and not _fits(name, raw[name])):
        expected = "true or false" if name == "anonymous" else "a text"
        raise ConfigError(f"storage.{name}: expected {expected} ({source})", hint=f"mend it in {source}")
    return Storage(**raw)


def _fits(name: str, value: object) -> bool:
    return type(value) is bool if name == "anonymous" else isinstance(value, str) and bool(value)


def is_store_location(place: str) -> bool:
    """Does the text name a bucket or container of a store in which tables may be kept, and perhaps a folder in it?"""
    parsed, scheme = urlsplit(place), place.partition("://")[0]
    if scheme not in STORES or parsed.query or parsed.fragment or "//" in parsed.path or ".." in parsed.path:
        return False
    if scheme == "abfss":
        container, at, host = parsed.netloc.partition("@")
        return bool(container and at and host)
    return bool(parsed.netloc) and "@" not in parsed.netloc and ":" not in parsed.netloc


def _extra(endpoint: str) -> bool:
    """Does the URL say more than scheme, host and port?"""
    parsed = urlsplit(endpoint)
    return not parsed.netloc or "@" in parsed.netloc or parsed.path not in {"", "/"} or bool(parsed.query)
