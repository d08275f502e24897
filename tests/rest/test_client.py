"""How a REST catalog is asked: by whom, how often, and what of it is ever shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from lakeflow.adapters.iceberg.rest.client import CatalogClient, LostError, RefusedError, UnsentError
from lakeflow.adapters.iceberg.rest.signing import Signer
from lakeflow.adapters.iceberg.rest.tokens import FetchedToken
from lakeflow.core.errors import ConfigError, LakeError
from lakeflow.core.settings.catalogs import ExternalCatalog

SECRET = "s3cr3t-of-nobody"
LOST = 0
"""The connection ends without an answer."""


@dataclass
class Scripted:
    """A server that answers each path with its next status, or not at all; a path without any with 200."""

    statuses: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Of each answer that is no success."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    token: str = "t1"
    lasts: int = 3600
    uri: str = ""

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, dict[str, object]]:
        self.asked.append((method, path, authorization))
        waiting = self.statuses.get(path.partition("?")[0], [])
        status = waiting.pop(0) if waiting else 200
        if path.endswith("/oauth/tokens"):
            return status, {"access_token": self.token, "expires_in": self.lasts}
        if status >= 400:
            return status, {"error": {"type": "Odd", "message": f"told {SECRET}"}}
        return status, {"defaults": {}, "overrides": {"prefix": "p/1"}}

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def answered(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = scripted.answer(self.command, self.path, self.headers.get("Authorization") or "")
            if status == LOST:
                self.close_connection = True
                return
            content = json.dumps(said).encode()
            self.send_response_only(status)
            for name, text in scripted.headers.items() if status >= 400 else ():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET, do_POST = answered, answered  # noqa: N815 - as the library calls them

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scripted.uri = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    yield scripted
    http.shutdown()
    http.server_close()
    thread.join()


def client(server: Scripted, **said: str) -> CatalogClient:
    return CatalogClient(ExternalCatalog(name="prod", uri=server.uri, **said), pause=0.0)  # type: ignore[arg-type] # texts


def test_the_servers_own_prefix_stands_in_each_path_unless_the_settings_give_one(server: Scripted) -> None:
    client(server).get("/namespaces/a")
    client(server, prefix="mine").get("/namespaces/a")
    assert [path for path in server.paths() if "namespaces" in path] == [
        "/v1/p/1/namespaces/a",
        "/v1/mine/namespaces/a",
    ]


def test_a_token_is_fetched_once_and_again_before_it_ends() -> None:
    now, fetched = [0.0], list[float]()

    def fetch(_form: object) -> dict[str, object]:
        fetched.append(now[0])
        return {"access_token": f"t{len(fetched)}", "expires_in": 600}

    token = FetchedToken(fetch, {}, lambda: now[0])
    for now[0] in (0.0, 100.0, 539.0):
        assert token.headers("", "", b"") == {"Authorization": "Bearer t1"}
    now[0] = 541.0
    assert token.headers("", "", b"") == {"Authorization": "Bearer t2"}
    assert fetched == [0.0, 541.0]


def test_a_token_that_the_server_takes_no_more_is_fetched_anew_while_a_run_lasts(server: Scripted) -> None:
    asking = client(server, credential=f"id:{SECRET}")
    asking.get("/tables/a")
    server.token, server.statuses["/v1/p/1/tables/b"] = "t2", [401]
    asking.get("/tables/b")
    assert [said for _, path, said in server.asked if path.endswith("/b")] == ["Bearer t1", "Bearer t2"]


ASKS: dict[str, Callable[[CatalogClient], object]] = {
    "read": lambda asked: asked.get("/tables/a"),
    "once": lambda asked: asked.call("POST", "/tables/a", {}),
    "again": lambda asked: asked.repeat("POST", "/tables/a", {}),
    "token": lambda asked: asked.get("/tables/b"),
}
TIMES = {  # of four at most
    (LOST, "once"): 1,
    (500, "once"): 1,
    (503, "once"): 1,
    **{(status, kind): 1 for status in (400, 404, 409) for kind in ASKS},
}


@pytest.mark.parametrize("status", [LOST, 400, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("kind", ASKS)
def test_a_request_is_sent_as_often_as_its_kind_may_and_never_more_than_four_times(
    server: Scripted, kind: str, status: int
) -> None:
    path = "/v1/oauth/tokens" if kind == "token" else "/v1/p/1/tables/a"
    asking = client(server, credential=f"id:{SECRET}")
    server.statuses[path] = [status] * 9
    with suppress(LakeError, LostError, RefusedError):
        ASKS[kind](asking)
    wanted = TIMES.get((status, kind), 4)
    assert server.paths().count(path) == wanted
    server.statuses[path] = [status] * (wanted - 1)
    ASKS[kind](client(server, credential=f"id:{SECRET}"))
    assert server.paths().count(path) == 2 * wanted


@pytest.mark.parametrize("kind", ASKS)
@pytest.mark.parametrize("opened", [False, True])
def test_a_host_that_cannot_be_reached_is_asked_four_times(server: Scripted, kind: str, *, opened: bool) -> None:
    asking, said = client(server), list[str]()
    if opened:
        asking.open()

    def nobody(_method: str, url: str, **_: object) -> None:
        said.append(url)
        raise requests.ConnectTimeout

    asking._session.request = nobody  # type: ignore[assignment] # no host is away for sure
    with pytest.raises((LakeError, UnsentError)):
        ASKS[kind](asking)
    assert len(said) == 4


def test_what_was_lost_once_stays_unknown_when_the_host_is_away_then(server: Scripted) -> None:
    asking, errors = client(server), iter([requests.ReadTimeout, *3 * [requests.ConnectTimeout]])
    asking.open()

    def lost(*_: object, **__: object) -> None:
        raise next(errors)

    asking._session.request = lost  # type: ignore[assignment] # as above
    with pytest.raises(LostError) as error:
        asking.repeat("POST", "/namespaces", {})
    assert not isinstance(error.value, UnsentError)


@pytest.mark.parametrize("status", [LOST, 500, 502, 503, 504])
def test_the_outcome_of_a_change_without_an_answer_is_unknown(server: Scripted, status: int) -> None:
    server.statuses["/v1/p/1/tables/a"] = [status]
    with pytest.raises(LostError):
        client(server).call("POST", "/tables/a", {})


def test_a_refused_change_is_known_not_to_have_happened(server: Scripted) -> None:
    server.statuses["/v1/p/1/tables/a"] = [409]
    with pytest.raises(RefusedError) as refused:
        client(server).call("POST", "/tables/a", {})
    assert refused.value.code == 409


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 30.0),
        ({"Retry-After": "Mon, 30 Nov 2026 10:00:09 GMT", "Date": "Mon, 30 Nov 2026 10:00:00 GMT"}, 9.0),
        ({"Retry-After": "Mon, 30 Nov 2026 10:00:00 GMT", "Date": "Mon, 30 Nov 2026 10:00:09 GMT"}, 0.0),
        ({"Retry-After": "Mon, 30 Nov 2026 10:00:09 GMT"}, 0.0),
        ({"Retry-After": "soon"}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({}, 0.0),
    ],
)
@pytest.mark.parametrize("path", ["/v1/oauth/tokens", "/v1/p/1/tables/a"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_is_given_the_time_for_which_it_asks_by_its_own_clock(
    server: Scripted, path: str, status: int, said: dict[str, str], seconds: float
) -> None:
    server.headers, server.statuses[path], waited = said, [status], list[float]()
    asking = client(server, credential="id:secret")
    asking.wait = waited.append
    asking.get("/tables/a")
    assert waited == [seconds]


@pytest.mark.parametrize("before", [[], [503], [429]])
@pytest.mark.parametrize("status", [401, 419])
def test_a_token_that_ends_in_the_middle_is_fetched_anew_once(server: Scripted, before: list[int], status: int) -> None:
    asking = client(server, credential=f"id:{SECRET}")
    server.statuses["/v1/p/1/tables/a"] = [*before, status]
    asking.get("/tables/a")
    server.statuses["/v1/p/1/tables/b"] = [status, status]
    with pytest.raises(LakeError, match="does not know who asks"):
        asking.get("/tables/b")
    assert server.paths().count("/v1/oauth/tokens") == 3


@pytest.mark.parametrize(("status", "words"), [(401, "does not know who asks"), (403, "does not allow that")])
def test_who_may_not_is_told_which_settings_to_look_at(server: Scripted, status: int, words: str) -> None:
    server.statuses["/v1/config"] = [status]
    with pytest.raises(LakeError, match=words) as error:
        client(server, token=SECRET).get("/tables/a")
    assert "[tool.lakeflow.catalogs.prod]" in (error.value.hint or "")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500])
@pytest.mark.parametrize("path", ["/v1/config", "/v1/oauth/tokens", "/v1/p/1/tables/a"])
def test_no_error_shows_a_secret_or_what_a_server_said(server: Scripted, status: int, path: str) -> None:
    server.statuses[path] = [status] * 9
    asking = client(server, credential=f"id:{SECRET}", scope=f"scope-{SECRET}")
    said = ""
    try:
        asking.get("/tables/a")
    except LakeError as error:
        said = f"{error} {error.hint} {error.__cause__}"
    assert SECRET not in f"{said} {asking!r}"


def test_a_server_that_is_away_is_named_without_its_url(server: Scripted) -> None:
    away = CatalogClient(ExternalCatalog(name="prod", uri=f"http://u:{SECRET}@127.0.0.1:1/x"), pause=0.0)
    with pytest.raises(LakeError, match="gives no answer") as error:
        away.get("/tables/a")
    assert SECRET not in str(error.value)
    assert "127.0.0.1" in error.value.message


def test_a_redirect_is_not_followed(server: Scripted) -> None:
    server.statuses["/v1/p/1/tables/a"] = [302]
    with pytest.raises(LakeError, match="302"):
        client(server, token=SECRET).get("/tables/a")


def test_a_signature_is_that_of_the_published_example() -> None:
    """AWS, "Signature Version 4 test suite": get-vanilla, and get-vanilla-query-order-key-case."""
    signer = Signer("us-east-1", "service", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    plain = signer.headers("GET", "https://example.amazonaws.com/", b"", at)
    assert plain["Authorization"].endswith("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
    asked = signer.headers("GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", b"", at)
    assert asked["Authorization"].endswith("b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500")


def test_signed_requests_bear_their_keys_name_and_no_secret(server: Scripted) -> None:
    client(server, access_key_id="AKID", secret_access_key=SECRET, region="eu-north-1").get("/tables/a")
    said = server.asked[-1][2]
    assert said.startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert "/eu-north-1/glue/aws4_request" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"token": "a", "credential": "b:c"}, "in 2 ways: token, credential"),
        ({"access_key_id": "a", "secret_access_key": "b"}, "needs a region"),
        ({"access_key_id": "a", "region": "b"}, "needs a secret_access_key"),
    ],
)
def test_settings_that_do_not_say_who_asks_are_refused(server: Scripted, said: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        client(server, **said)
