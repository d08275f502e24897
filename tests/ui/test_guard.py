"""Who may ask for a page: by which name, with which method, from which page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lakeflow.ui.app import PAGES
from lakeflow.ui.guard import Access, name_of
from tests.ui.test_pages import address

OURS = ("127.0.0.1", "localhost", "LOCALHOST:9318", "[::1]:9318", "127.0.0.1:80")
FOREIGN = (
    "evil.example",
    "evil.example:9318",
    "127.0.0.1.evil.example",
    "localhost.evil.example:9318",
    "127.0.0.1@evil.example",
    "127.0.0.2",
    "0.0.0.0:9318",
    "[::1].evil.example",
    "localhost:9318:80",
    "127.0.0.1:x",
    "",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PATHS = (*sorted(PAGES), "/index.json", "/runs.json", "/static/lake.css", "/nothing", "/enter")


@pytest.mark.parametrize("host", OURS)
def test_our_own_names_are_answered(pages: TestClient, host: str) -> None:
    assert pages.get("/runs", headers={"host": host}).status_code == 200


def test_a_host_is_a_name_and_perhaps_a_port() -> None:
    assert [name_of(host) for host in ("LocalHost:80", "[::1]", "[::1]:8", "a:b", "a:1:2")] == [
        "localhost",
        "[::1]",
        "[::1]",
        "",
        "a:1",
    ]


HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


def test_every_answer_carries_these_headers(pages: TestClient, held: tuple[Path, str]) -> None:
    for path in (*PATHS, "/assets/silver.nothing.json", "/?select=("):
        answer = pages.get(address(path, held[1]))
        expected = HEADERS | ({"cache-control": "max-age=600"} if path.startswith("/static/") else {})
        assert {name: answer.headers.get(name) for name in HEADERS} == expected, path
        assert "server" not in answer.headers
    refused = pages.get("/", headers={"host": "evil.example"})
    assert {name: refused.headers.get(name) for name in HEADERS} == HEADERS


def test_no_page_has_anything_inline_that_the_policy_would_forbid(pages: TestClient, held: tuple[Path, str]) -> None:
    for path in PAGES:
        text = pages.get(address(path, held[1])).text
        for inline in ("<style", " style=", " onclick=", " onload=", "javascript:", "<script>", "http-equiv"):
            assert inline not in text, (path, inline)
        for said in ("http://www.w3.org/2000/svg", "file:///", "sqlite:///"):  # these lead to no other host
            text = text.replace(said, "")
        assert "//" not in text, path


def test_with_a_token_nothing_is_shown_before_it_is_given(
    held: tuple[Path, str], show: Callable[..., TestClient]
) -> None:
    access = Access(password="a-long-enough-secret")
    pages = show(held[0], access)
    for path in PAGES:
        assert pages.get(address(path, held[1])).status_code == 401
    assert pages.get("/", headers={"accept": "text/html"}).headers["location"] == "/enter"
    assert pages.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert pages.get("/", headers={"cookie": "lakeflow=wrong"}).status_code == 401
    assert pages.get("/index.json", headers={"authorization": "Bearer a-long-enough-secret"}).status_code == 200


def test_the_form_gives_a_strict_cookie_for_the_token_and_only_to_a_page_of_ours(
    held: tuple[Path, str], show: Callable[..., TestClient]
) -> None:
    pages = show(held[0], Access(password="a-long-enough-secret"))
    ours = {"origin": "http://127.0.0.1:9318", "host": "127.0.0.1:9318"}
    right, wrong = {"password": "a-long-enough-secret"}, {"password": "another"}
    assert pages.get("/enter").status_code == 200
    assert pages.post("/enter", data=right).status_code == 403
    assert pages.post("/enter", data=right, headers=ours | {"origin": "http://evil.example"}).status_code == 403
    assert pages.post("/enter", data=wrong, headers=ours).status_code == 403
    entered = pages.post("/enter", data=right, headers=ours)
    assert entered.status_code == 303
    assert {"HttpOnly", "SameSite=strict"} <= set(entered.headers["set-cookie"].split("; "))
    assert pages.get("/").status_code == 200


def test_behind_a_proxy_that_has_tls_the_form_and_changes_come_by_its_scheme(
    held: tuple[Path, str], show: Callable[..., TestClient]
) -> None:
    proxied = Access(frozenset({"lake.example.org"}), password="a-long-enough-secret", proxied=True)
    pages = show(held[0], proxied, "http://lake.example.org")
    right = {"password": "a-long-enough-secret"}
    for origin, status in (("https://lake.example.org", 303), ("http://lake.example.org", 303), ("https://evil", 403)):
        entered = pages.post("/enter", data=right, headers={"origin": origin, "sec-fetch-site": "same-origin"})
        assert entered.status_code == status, origin


def test_who_asks_for_another_page_says_so_and_is_not_answered(pages: TestClient, held: tuple[Path, str]) -> None:
    """A browser that does not say `Sec-Fetch-Site` still says `Origin` where a script asks."""
    for path in ("/", f"/runs/{held[1]}/events", "/index.json"):
        for origin in ("http://evil.example", "null", "http://127.0.0.1:9319"):
            assert pages.get(path, headers={"origin": origin}).status_code == 403, (path, origin)
        assert pages.get(path, headers={"origin": "http://127.0.0.1:9318"}).status_code == 200
