"""A REST catalog, by the two answers of its protocol that reading needs (Iceberg REST OpenAPI: `config`, `loadTable`).

pyiceberg's own client imports whatever module a server's answer names (`py-io-impl`, trap T14) and waits for a silent
server for ever; this one takes table metadata from the answer and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from lakeflow.adapters.iceberg.external.places import At, Place
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import ExternalKey
from lakeflow.core.settings.catalogs import ExternalCatalog

_SECONDS: Final = 15.0
_LARGEST: Final = 256 * 1024 * 1024
"""The most bytes that an answer may have. Metadata of a million snapshots is refused."""


def in_rest_catalog(catalog: ExternalCatalog, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, Place]:
    """LakeError when the server cannot be asked; a table that it does not know is left out."""
    client = _Client(catalog.uri.rstrip("/"), urlsplit(catalog.uri).hostname or "")
    if token := catalog.token or _token(client, catalog):
        client.headers["Authorization"] = f"Bearer {token}"
    query = f"?{urlencode({'warehouse': catalog.warehouse})}" if catalog.warehouse else ""
    config = client.get(f"/v1/config{query}") or {}
    prefix = {**(config.get("defaults") or {}), **(config.get("overrides") or {})}.get("prefix", "")
    base = f"/v1/{quote(str(prefix).strip('/'))}" if prefix else "/v1"
    answers = {key: client.get(f"{base}/namespaces/{quote(key.namespace)}/tables/{quote(key.name)}") for key in keys}
    return {key: _place(key, answer) for key, answer in answers.items() if answer is not None}


def _place(key: ExternalKey, answer: Mapping[str, Any]) -> Place:
    location, content = answer.get("metadata-location"), answer.get("metadata")
    if isinstance(location, str) and isinstance(content, dict):
        return At(location, content)
    return LakeError(f"{key}: the catalog's answer holds no table metadata")


def _token(client: _Client, catalog: ExternalCatalog) -> str:
    """A token for the client credentials, which are `id:secret` or a secret alone."""
    if not catalog.credential:
        return ""
    name, colon, secret = catalog.credential.rpartition(":")
    form = {"grant_type": "client_credentials", "client_secret": secret, "scope": catalog.scope or "catalog"}
    answer = client.post("/v1/oauth/tokens", form | ({"client_id": name} if colon else {}))
    return str(answer.get("access_token", ""))


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the token to a host that nobody configured."""

    def redirect_request(self, *_: object) -> None:
        return None


@dataclass
class _Client:
    """Messages name the host, never the URL or an answer's text: both may hold a secret."""

    base: str
    host: str
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "application/json"}, repr=False)

    def get(self, path: str) -> dict[str, Any] | None:
        """The server's answer; None where it does not know the thing asked for."""
        return self._asked(Request(f"{self.base}{path}", headers=self.headers))  # noqa: S310 - http(s) by the settings

    def post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        body = urlencode(form).encode()
        return self._asked(Request(f"{self.base}{path}", body, self.headers)) or {}  # noqa: S310 - as above

    def _asked(self, request: Request) -> dict[str, Any] | None:
        try:
            with build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
                content = json.loads(answer.read(_LARGEST))
        except HTTPError as error:
            if error.code == 404:
                return None
            raise self._failed(f"answered {error.code}", "check the catalog's token, credential and uri") from None
        except (URLError, OSError):
            raise self._failed("cannot be reached", "check the catalog's uri, and the network") from None
        except ValueError:
            raise self._failed("gave an answer that is no JSON", "check the catalog's uri") from None
        return content if isinstance(content, dict) else {}

    def _failed(self, what: str, hint: str) -> LakeError:
        return LakeError(f"the REST catalog at {self.host} {what}", hint=hint)
