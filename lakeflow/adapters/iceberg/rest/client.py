"""The wire to a REST catalog: what was asked, what came back, and whether it is known what the server did.

pyiceberg's own client waits for a silent server for ever, imports what a server's answer names (trap T14) and shows
answers in its errors; this one does none of these.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import requests

from lakeflow.adapters.iceberg.rest.tokens import Auth, auth_of
from lakeflow.core.errors import LakeError
from lakeflow.core.settings.catalogs import ExternalCatalog
from lakeflow.core.values import dataclass

TIMEOUTS: Final = (10.0, 60.0)
"""How long, in seconds, a connection and an answer may take to come."""
_TRIES: Final = 4
_LONGEST: Final = 30.0
"""No server is given more than so many seconds between two tries, whatever it asks for."""
_SAFE: Final = frozenset({"GET", "HEAD"})
_BUSY: Final = frozenset({429})
_ENDED: Final = frozenset({401, 419})
"""The server does not take the token, or takes it no more."""
_UNSURE: Final = frozenset({408, 500, 502, 503, 504})
_KIND: Final = re.compile(r"[A-Za-z]{1,60}")
"""The name of an exception, which may be shown; whatever else a server says may hold a secret."""


class RefusedError(Exception):
    """The server said no, and did nothing. `kind` is the exception that the server names; `pause` are the seconds
    after which it wants to be asked again.
    """

    def __init__(self, code: int, kind: str, words: str, pause: float = 0.0) -> None:
        super().__init__(f"{code} {kind}: {words}".strip())
        self.code = code
        self.kind = kind
        self.pause = pause


class LostError(Exception):
    """Nobody knows what the server did: its answer did not come, or says that it does not know either. `pause` as
    above.
    """

    def __init__(self, words: str, pause: float = 0.0) -> None:
        super().__init__(words)
        self.pause = pause


class UnsentError(LostError):
    """No byte left this machine, so that the server did nothing."""


@dataclass
class CatalogClient:
    """Asks one server. A request that changes something is sent once: what came of it is for the caller to look up.

    What only reads, what has one effect however often it comes, and what a server refused to take in is tried again:
    after a pause of chance length, or after that for which the server asks (docs/decisions/0198).
    """

    catalog: ExternalCatalog
    pause: float = 0.2
    config: Mapping[str, Any] = field(default_factory=dict)
    timeouts: tuple[float, float] = TIMEOUTS
    more: Mapping[str, str] = field(default_factory=dict)
    """Headers of each request."""
    wait: Callable[[float], None] = time.sleep
    """For so many seconds between two tries."""
    _auth: Auth = field(init=False, repr=False)
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def __post_init__(self) -> None:
        self._auth = auth_of(self.catalog, self._fetch_token)
        self._session.trust_env = False  # a .netrc would take the place of the settings
        self._uri = self.catalog.uri.rstrip("/")
        self._base = ""
        self._ahead: float | None = None

    @property
    def place(self) -> str:
        """The server as a message may name it."""
        return f"the REST catalog {self.catalog.name} at {urlsplit(self._uri).hostname}"

    def open(self) -> None:
        """Ask for the server's configuration. LakeError where it cannot be asked, or does not know the warehouse."""
        query = f"?{urlencode({'warehouse': self.catalog.warehouse})}" if self.catalog.warehouse else ""
        try:
            said = self._tried(lambda: self._once("GET", f"{self._uri}/v1/config{query}"), LostError, self._auth.renew)
        except RefusedError as refused:
            raise self.failed(refused) from None
        self.config = {**(said.get("defaults") or {}), **(said.get("overrides") or {})}
        self.config = {**self.config, "endpoints": said.get("endpoints") or ()}
        prefix = self.catalog.prefix or str(self.config.get("prefix") or "")
        self._base = f"{self._uri}/v1" + (f"/{quote(prefix.strip('/'), safe='/%')}" if prefix else "")

    def lists(self, method: str, path: str) -> bool | None:
        """Does the server say that it has this endpoint? None where it says nothing of its endpoints."""
        known = self.config.get("endpoints") or ()
        return f"{method} /v1/{{prefix}}{path}" in known if known else None

    def get(self, path: str) -> dict[str, Any] | None:
        """The answer; None where the server knows no such thing. LakeError where it cannot be asked."""
        try:
            return self.call("GET", path)
        except RefusedError as refused:
            if refused.code == 404:
                return None
            raise self.failed(refused) from None
        except LostError as lost:
            raise self.away(lost) from None

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """RefusedError, LostError and UnsentError for the caller to tell apart."""
        return self._below(method, path, body, LostError if method in _SAFE else UnsentError)

    def repeat(self, method: str, path: str, body: object) -> dict[str, Any]:
        """As `call`, for a change that has one effect however often it comes: where no answer comes, it is sent again.
        A refusal may then be that of the second try, where the first was taken in.
        """
        return self._below(method, path, body, LostError)

    def server_time(self) -> float | None:
        """The server's clock, in seconds since 1970; None where it never said its time."""
        return None if self._ahead is None else self._ahead + time.monotonic()

    def failed(self, refused: RefusedError) -> LakeError:
        """A refusal in words, with what to do next."""
        if refused.code in {*_ENDED, 403}:
            what = "does not know who asks" if refused.code in _ENDED else "does not allow that"
            hint = f"check token, credential and rights of [tool.lakeflow.catalogs.{self.catalog.name}]"
            return LakeError(f"{self.place} {what} ({refused.code})", hint=hint)
        hint = f"check uri, warehouse and prefix of [tool.lakeflow.catalogs.{self.catalog.name}]"
        return LakeError(f"{self.place} answered {refused.code} {refused.kind}".strip(), hint=hint)

    def away(self, lost: Exception) -> LakeError:
        return LakeError(f"{self.place} gives no answer ({lost})", hint="see whether it runs, then repeat the command")

    def close(self) -> None:
        self._session.close()

    def _below(self, method: str, path: str, body: object, after: type[LostError]) -> dict[str, Any]:
        if not self._base:
            self.open()
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        return self._tried(lambda: self._once(method, f"{self._base}{path}", content), after, self._auth.renew)

    def _tried(
        self, send: Callable[[], dict[str, Any]], after: type[LostError], renew: Callable[[], bool]
    ) -> dict[str, Any]:
        """The answer to a request, which is sent a few times at most, whatever goes wrong with it: again where the
        server did not take it in, where a token could be renewed, and where it was lost as `after` says.
        """
        renewed, unknown = False, None
        for attempt in range(1, _TRIES + 1):
            try:
                return send()
            except LostError as lost:
                unknown = unknown or (None if isinstance(lost, UnsentError) else lost)
                if attempt == _TRIES or not isinstance(lost, after):
                    raise (unknown or lost) from None
                pause = lost.pause
            except RefusedError as refused:
                newer = refused.code in _ENDED and not renewed and renew()
                if attempt == _TRIES or not (refused.code in _BUSY or newer):
                    raise
                renewed, pause = renewed or newer, refused.pause
            self.rest(attempt, pause)
        raise AssertionError("the last try ends the loop")

    def rest(self, attempt: int, asked: float = 0.0) -> None:
        """Between two tries; `asked` are the seconds for which the server asks."""
        chance = random.uniform(0.5, 1.0) * self.pause * 2 ** (attempt - 1)  # noqa: S311 - no secret
        self.wait(min(max(chance, asked), _LONGEST))

    def _once(self, method: str, url: str, content: bytes = b"") -> dict[str, Any]:
        kind = {"Content-Type": "application/json"} if content else {}
        fresh = {"Cache-Control": "no-cache"} if method in _SAFE else {}
        headers = {"Accept": "application/json", **fresh, **self.more, **kind}
        headers |= self._auth.headers(method, url, content)
        return self._sent(method, url, content, headers)

    def _sent(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._session.request(
                method, url, data=content or None, headers=dict(headers), timeout=self.timeouts, allow_redirects=False
            )
        except requests.ConnectTimeout:
            raise UnsentError("no connection") from None
        except requests.ConnectionError as error:
            raise (UnsentError("no connection") if _never_left(error) else LostError("the connection broke")) from None
        except requests.RequestException as error:
            raise LostError(type(error).__name__) from None
        self._note_time(answer)
        if answer.status_code in _UNSURE:
            raise LostError(f"it answered {answer.status_code}", _pause(answer))
        if answer.status_code >= 300:
            raise _refusal(answer)
        return _read(answer)

    def _note_time(self, answer: requests.Response) -> None:
        """The latest that it said: an answer from a cache bears an old date."""
        with suppress(ValueError, TypeError):
            said = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp() - time.monotonic()
            self._ahead = said if self._ahead is None else max(said, self._ahead)

    def _fetch_token(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        url = self.catalog.oauth2_uri or f"{self._uri}/v1/oauth/tokens"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(form).encode()
        try:
            return self._tried(lambda: self._sent("POST", url, content, kind), LostError, lambda: False)
        except LostError as lost:
            raise self.away(lost) from None
        except RefusedError as refused:
            hint = f"check credential, scope and oauth2_uri of [tool.lakeflow.catalogs.{self.catalog.name}]"
            raise LakeError(f"{self.place} gives no token ({refused.code})", hint=hint) from None


def _never_left(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


def _refusal(answer: requests.Response) -> RefusedError:
    pause = _pause(answer)
    try:
        said = answer.json().get("error") or {}
        kind, words = str(said.get("type", "")), str(said.get("message", ""))
        return RefusedError(answer.status_code, kind if _KIND.fullmatch(kind) else "", words, pause)
    except (ValueError, AttributeError):
        return RefusedError(answer.status_code, "", "", pause)


def _pause(answer: requests.Response) -> float:
    """The seconds for which a server asks (`Retry-After`, RFC 9110, 10.2.3). A date counts from the server's own: its
    clock may not be ours.
    """
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        then, now = (parsedate_to_datetime(text) for text in (said, answer.headers.get("Date", "")))
        return max((then - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _read(answer: requests.Response) -> dict[str, Any]:
    if not answer.content:
        return {}
    try:
        said = answer.json()
    except ValueError:
        raise LostError("its answer is no JSON") from None
    return said if isinstance(said, dict) else {}
