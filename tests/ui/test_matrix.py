"""Every route, by every method, under every name: who may not ask is told nothing of the lake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from starlette.types import ASGIApp

from lakeflow.ui.acts import VERBS
from lakeflow.ui.app import PAGES, Site, application, site
from lakeflow.ui.guard import Access
from lakeflow.ui.kept import SeenLake
from tests.ui.asgi import Given, Headers, ask, routes_of
from tests.ui.test_guard import FOREIGN, HEADERS, METHODS, OURS
from tests.ui.test_pages import address

PASSWORD: Final = "a-long-enough-secret"
STRANGE: Final = ("CONNECT", "PROPFIND", "get", "QUERY", "")
FORMS: Final = frozenset({"/enter", *(f"/runs/{{run}}/{verb}" for verb in VERBS)})
HERE: Final = ("host", "127.0.0.1:9318")
ADMITTED: Final = ("authorization", f"Bearer {PASSWORD}")
OTHERS: Final = {
    "another page": [("origin", "http://evil.example")],
    "another port": [("origin", "http://127.0.0.1:9319")],
    "by TLS": [("origin", "https://127.0.0.1:9318")],
    "nobody": [],
    "null": [("origin", "null")],
    "two": [("origin", "http://127.0.0.1:9318"), ("origin", "http://evil.example")],
    "another site": [("sec-fetch-site", "cross-site")],
    "a neighbour": [("sec-fetch-site", "same-site")],
    "typed": [("sec-fetch-site", "none")],
    "a page of ours, it says, and another": [("origin", "http://127.0.0.1:9318"), ("sec-fetch-site", "cross-site")],
}
"""Who asks for a change and is no page of ours."""


@pytest.fixture(scope="module")
def all_of_it(held: tuple[Path, str]) -> Iterator[Site]:
    """Whatever can be answered: with a token, and with actions."""
    made = site(SeenLake(held[0], {}), Access(password=PASSWORD, acts=True))
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(all_of_it: Site) -> ASGIApp:
    return application(all_of_it)


@pytest.fixture(scope="module")
def paths(all_of_it: Site, held: tuple[Path, str]) -> dict[str, str]:
    """An address of each route."""
    return {route.path: address(route.path, held[1]) for route in routes_of(all_of_it)}


def test_the_routes_are_pages_their_twins_and_little_else(paths: dict[str, str]) -> None:
    twins = {"/index.json" if page == "/" else f"{page}.json" for page in PAGES}
    more = {path for path in set(paths) - set(PAGES) - twins if not path.startswith("/static/")}
    assert more == {*FORMS, "/runs/{run}/events", "/lineage.svg"}
    assert not [path for path in paths if ":path}" in path], "a file is named, never found by a path"


@pytest.mark.parametrize("method", [*METHODS, *STRANGE])
def test_no_route_answers_under_a_foreign_name(app: ASGIApp, paths: dict[str, str], method: str) -> None:
    assert len(FOREIGN) >= 10
    for path in paths.values():
        for host in FOREIGN:
            answer = ask(app, method, path, [("host", host), ADMITTED, ("origin", f"http://{host}")])
            assert answer.status == 421, (path, host)
            assert _guarded(answer), (path, host)


@pytest.mark.parametrize("hosts", [[], [HERE, HERE], [HERE, ("host", "evil.example")]], ids=["none", "twice", "two"])
def test_no_route_answers_without_one_name(app: ASGIApp, paths: dict[str, str], hosts: Headers) -> None:
    for path in paths.values():
        assert ask(app, "GET", path, [*hosts, ADMITTED]).status == 421, path


@pytest.mark.parametrize("method", [*METHODS[3:], *STRANGE])
def test_no_route_does_anything_by_another_method(app: ASGIApp, paths: dict[str, str], method: str) -> None:
    for path in paths.values():
        for host in OURS:
            answer = ask(app, method, path, [("host", host), ADMITTED, ("origin", f"http://{host}")])
            assert answer.status == 405, (path, host)
            assert _guarded(answer), path


def test_without_actions_nothing_is_done_on_any_route_whoever_asks(
    held: tuple[Path, str], paths: dict[str, str]
) -> None:
    looking = site(SeenLake(held[0], {}), access := Access())
    pages = application(looking)
    ours = [HERE, ("origin", "http://127.0.0.1:9318"), ("sec-fetch-site", "same-origin")]
    for path in paths.values():
        answer = ask(pages, "POST", path, ours, f"again=yes&token={access.token}".encode())
        assert answer.status == 405, path
    looking.close()


@pytest.mark.parametrize("who", OTHERS)
def test_no_change_is_asked_for_by_who_is_no_page_of_ours(app: ASGIApp, paths: dict[str, str], who: str) -> None:
    for path in paths.values():
        answer = ask(app, "POST", path, [HERE, ADMITTED, *OTHERS[who]], b"again=yes&reason=x")
        assert answer.status == 403, path
        assert _guarded(answer), path


def test_a_page_of_ours_from_before_this_start_changes_nothing(app: ASGIApp, paths: dict[str, str]) -> None:
    ours = [HERE, ADMITTED, ("origin", "http://127.0.0.1:9318")]
    for route, path in paths.items():
        for body in (b"", b"token=", b"token=guessed", b"token=a&token=b", b"\xff\x00"):
            answer = ask(app, "POST", path, ours, body)
            assert answer.status == 403, (route, body)
        assert ask(app, "POST", path, ours, b"token=" + b"x" * 70_000).status == 413, route


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_route_shows_anything_of_the_lake_to_who_has_no_token(
    app: ASGIApp, paths: dict[str, str], method: str
) -> None:
    for route, path in paths.items():
        if route == "/enter" or route.startswith("/static/"):
            continue
        for given in ([], [("authorization", "Bearer guessed")], [("cookie", "lakeflow=guessed")]):
            answer = ask(app, method, path, [HERE, *given])
            assert answer.status == 401, path
            assert _guarded(answer), path


@pytest.mark.long
@pytest.mark.parametrize("host", OURS)
def test_every_route_answers_under_our_own_names_with_the_headers_of_the_policy(
    app: ASGIApp, paths: dict[str, str], host: str
) -> None:
    for route, path in paths.items():
        answer = ask(app, "GET", path, [("host", host), ADMITTED])
        assert answer.status in {200, 400} | ({404} if "rollback" in route else set()), route
        assert _guarded(answer, route), route


def _guarded(answer: Given, route: str = "") -> bool:
    kept = {"cache-control": "max-age=600"} if route.startswith("/static/") else {}
    return {name: answer.headers.get(name) for name in HEADERS} == HEADERS | kept
