"""One request straight to the guarded pages, as a server hands it on: whatever the headers, and quick enough for
thousands of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from lakeflow.ui.app import Site, application

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Given:
    """The status and the headers of an answer, and the begin of its body."""

    status: int
    headers: Mapping[str, str]


def routes_of(site: Site) -> tuple[Route, ...]:
    """All that the pages answer."""
    app: Any = application(site)
    while not isinstance(app, Starlette):
        app = next(inner for name, inner in vars(app).items() if name in {"app", "_app"})
    return tuple(route for route in app.routes if isinstance(route, Route))


def ask(app: ASGIApp, method: str, path: str, headers: Headers, body: bytes = b"") -> Given:
    return asyncio.run(_ask(app, method, path, headers, body))


async def _ask(app: ASGIApp, method: str, path: str, headers: Headers, body: bytes) -> Given:
    where, _, question = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": where,
        "raw_path": where.encode(),
        "query_string": question.encode(),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "scheme": "http",
        "server": ("127.0.0.1", 9318),
        "client": ("127.0.0.1", 50000),
        "http_version": "1.1",
        "root_path": "",
    }
    waiting: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])
    said: list[Message] = []

    async def receive() -> Message:
        return next(waiting, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        said.append(message)

    await app(scope, receive, send)
    head = said[0]
    return Given(head["status"], {name.decode(): value.decode() for name, value in head["headers"]})
