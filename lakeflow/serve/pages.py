"""The lake in a browser while it is kept: the pages of `lakeflow ui`, beside `/healthz` and `/metrics`, on one port."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lakeflow.serve.metrics import CONTENT_TYPE
from lakeflow.serve.web import LOOPBACK, Pages, refused_port
from lakeflow.ui.ahead import kept_ahead
from lakeflow.ui.app import application, site
from lakeflow.ui.kept import SeenLake
from lakeflow.ui.server import UiOptions, access_of, answering, bound

Handler = Callable[[Request], Awaitable[Response]]


@contextmanager
def showing(port: int, answers: Pages, root: Path, settings: Mapping[str, str]) -> Iterator[int]:
    """Answer on that port of this machine alone, 0 for any; gives the port. The pages only look. UsageError where the
    port is taken, ConfigError for a token that can be guessed.
    """
    access = access_of(UiOptions(host=LOOPBACK), os.environ)
    with (
        bound(LOOPBACK, port, refused_port) as listener,
        closing(site(SeenLake(root, settings), access)) as pages,
        answering(application(pages, _routes(answers)), listener),
        kept_ahead(pages.kept, pages.looks),
    ):
        yield listener.getsockname()[1]


def _routes(answers: Pages) -> tuple[Route, ...]:
    """What machines ask for: it is answered while the lake is busy, and without a token."""

    async def health(_request: Request) -> Response:
        said = answers.health()
        return JSONResponse(said, HTTPStatus.OK if said["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE)

    async def metrics(_request: Request) -> Response:
        return Response(answers.metrics(), headers={"content-type": CONTENT_TYPE})

    return Route("/healthz", health), Route("/metrics", metrics)
