"""Who asks a REST catalog: a token that was given, one that is fetched and kept fresh, or a signature."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from lakeflow.adapters.iceberg.rest.signing import Signer
from lakeflow.core.errors import ConfigError
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.values import dataclass

_MARGIN: Final = 60.0
"""A token is fetched anew so many seconds before it ends, or once half of its time is over where that is less."""
_UNSAID: Final = 3600.0
"""How long a token counts as good whose server says nothing of its end; a 401 is answered with a new one anyway."""


class Auth(Protocol):
    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]: ...

    def renew(self) -> bool:
        """The server does not take what it was given. True where there is something newer to give now."""
        ...


@dataclass
class GivenToken:
    """A token from the settings; empty: the server asks nobody who they are."""

    token: str = field(repr=False)

    def headers(self, _method: str, _url: str, _body: bytes) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def renew(self) -> bool:
        return False


class FetchedToken:
    """A token for client credentials (RFC 6749, 4.4), fetched when it is first needed and again before it ends, however
    long a run takes. Safe to share between threads.
    """

    def __init__(
        self,
        fetch: Callable[[Mapping[str, str]], Mapping[str, Any]],
        form: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._form = form
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    def headers(self, _method: str, _url: str, _body: bytes) -> Mapping[str, str]:
        with self._lock:
            if not self._token or self._clock() >= self._good_until:
                self._fetch_one()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        with self._lock:
            self._token = ""
        return True

    def _fetch_one(self) -> None:
        answer = self._fetch(self._form)
        lasts = answer.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) else _UNSAID
        self._token = str(answer.get("access_token", ""))
        self._good_until = self._clock() + max(seconds - _MARGIN, seconds / 2)


@dataclass(frozen=True)
class Signed:
    signer: Signer

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return self.signer.headers(method, url, body, datetime.now(UTC))

    def renew(self) -> bool:
        return False


def auth_of(catalog: ExternalCatalog, fetch: Callable[[Mapping[str, str]], Mapping[str, Any]]) -> Auth:
    """How the catalog is told who asks. ConfigError for settings that say it in two ways, or in half of one."""
    said = [name for name in ("token", "credential", "access_key_id") if getattr(catalog, name)]
    if len(said) > 1:
        raise ConfigError(
            f"catalogs.{catalog.name} says who asks in {len(said)} ways: {', '.join(said)}", hint="keep one of them"
        )
    if catalog.access_key_id:
        return Signed(_signer(catalog))
    return FetchedToken(fetch, _form(catalog)) if catalog.credential else GivenToken(catalog.token)


def _form(catalog: ExternalCatalog) -> Mapping[str, str]:
    """The credential is `id:secret`, or a secret alone."""
    name, colon, secret = catalog.credential.partition(":")
    who = {"client_id": name, "client_secret": secret} if colon else {"client_secret": name}
    return {"grant_type": "client_credentials", "scope": catalog.scope or "catalog", **who}


def _signer(catalog: ExternalCatalog) -> Signer:
    if not catalog.region or not catalog.secret_access_key:
        missing = "region" if not catalog.region else "secret_access_key"
        raise ConfigError(
            f"catalogs.{catalog.name}: a signature needs a {missing}",
            hint=f'write {missing} = "…" in [tool.lakeflow.catalogs.{catalog.name}]',
        )
    service = catalog.signing_name or "glue"
    return Signer(catalog.region, service, catalog.access_key_id, catalog.secret_access_key, catalog.session_token)
