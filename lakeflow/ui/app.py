"""The addresses of all pages, and how a page is answered: as HTML, or by its `.json` twin as the command line does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from lakeflow.as_json.envelope import entries_of, entry, enveloped
from lakeflow.core.drawing.svg import STYLE
from lakeflow.core.errors import AssetError, LakeflowError, UsageError
from lakeflow.ui import enter
from lakeflow.ui.guard import Access, Guard, is_foreign
from lakeflow.ui.kept import Glance, SeenLake
from lakeflow.ui.page import Page, typed
from lakeflow.ui.pages import asking, asset, home, lake, runs
from lakeflow.ui.pages.asked import PageRequest, UnknownError
from lakeflow.ui.render import render
from lakeflow.ui.rows import SECONDS, RowLake

_Result = TypeVar("_Result")
Make = Callable[[Glance, PageRequest], Page]
PAGES: Final[Mapping[str, Make]] = {
    "/": home.home,
    "/assets/{asset}": asset.overview,
    "/assets/{asset}/snapshots": asset.snapshots,
    "/assets/{asset}/checks": asset.checks,
    "/assets/{asset}/data": asset.rows,
    "/assets/{asset}/lineage": asset.lineage,
    "/assets/{asset}/code": asset.code,
    "/lineage": lake.lineage,
    "/log": lake.log,
    "/compare": asking.compare,
    "/query": asking.query,
    "/quarantine": asking.quarantines,
    "/quarantine/{asset}": asking.quarantine,
    "/runs": runs.runs,
    "/runs/{run}": runs.one_run,
    "/runs/{run}/log": runs.run_log,
}
"""Every address of a page, and what makes the page. Its twin has the same address and `.json` behind it."""
_ROWS: Final = frozenset({asset.rows, asking.compare, asking.query, asking.quarantine})
"""The pages that ask for rows, which may take long."""
_KINDS: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Site:
    """What all pages share: the lake that is looked at, the one that rows are asked of, a thread for each, and who may
    ask.
    """

    kept: SeenLake
    rows: RowLake
    access: Access
    looks: ThreadPoolExecutor
    asks: ThreadPoolExecutor

    def close(self) -> None:
        for thread, close in ((self.asks, self.rows.close), (self.looks, self.kept.close)):
            thread.submit(close).result()
            thread.shutdown()


def site(kept: SeenLake, access: Access, seconds: float = SECONDS) -> Site:
    """The pages of a lake. A question for rows may take so many seconds."""
    one, other = (ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("lake", "rows"))
    return Site(kept, RowLake(kept.root, kept.settings, seconds), access, one, other)


def application(site: Site) -> ASGIApp:
    """All pages of a lake, guarded. Nothing is served by the path of a file."""
    routes: list[BaseRoute] = [*enter.routes(site.access)]
    for path, make in PAGES.items():
        twin = "/index.json" if path == "/" else f"{path}.json"
        routes.append(Route(twin, partial(_answer, site, make, _as_json), methods=["GET"]))
        routes.append(Route(path, partial(_answer, site, make, _as_html), methods=["GET"]))
    routes += [
        Route(f"/static/{name}", partial(_static, *it), methods=["GET"]) for name, it in files_as_they_are().items()
    ]
    routes.append(Route("/lineage.svg", partial(_saved, site), methods=["GET"]))
    handlers: dict[Any, Any] = {HTTPException: partial(_refused, site), Exception: _broken}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), site.access)


async def _answer(site: Site, make: Make, form: Callable[[Site, Page, str], Response], request: Request) -> Response:
    asked = PageRequest(request.path_params, dict(request.query_params), is_foreign(request.headers))
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")

    def shown(glance: Glance) -> Response:
        return form(site, make(glance, asked), where)

    try:
        if make not in _ROWS:
            return await _within(site.looks, lambda: shown(site.kept.glance()))
        glance = await _within(site.looks, site.kept.glance)
        return await _within(site.asks, lambda: site.rows.answer(glance, shown))
    except LakeflowError as error:
        return _fault(site, error, plain=form is _as_json)


async def _within(thread: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


async def _saved(site: Site, request: Request) -> Response:
    """The lineage as a file that a browser keeps."""
    asked = PageRequest({}, dict(request.query_params))
    try:
        text = await _within(site.looks, lambda: lake.saved_lineage(site.kept.glance(), asked))
    except LakeflowError as error:
        return _fault(site, error, plain=False)
    kept = {"content-type": "image/svg+xml", "content-disposition": 'attachment; filename="lineage.svg"'}
    return Response(text, headers=kept)


def _as_html(site: Site, page: Page, where: str) -> Response:
    return HTMLResponse(html_of(page, site.kept.root.name, where), page.status)


def html_of(page: Page, lake: str, where: str, *, still: bool = False) -> str:
    """The page as HTML. One that stands `still` is a file: nobody answers its questions."""
    shared = {
        "page": page,
        "lake": lake,
        "command": typed(page.command),
        "twin": twin_of(where) if where else None,
        "where": where.partition("?")[0],
        "known": PAGES,
        "still": still,
    }
    return render(page.template, {**shared, **page.values})


def _as_json(site: Site, page: Page, where: str) -> Response:
    text = enveloped(page.command[0], page.data()) + "\n"
    return Response(text, 200, media_type="application/json")


def twin_of(where: str) -> str:
    """The address of the JSON of a page."""
    path, mark, query = where.partition("?")
    return ("/index.json" if path == "/" else f"{path}.json") + mark + query


def _fault(site: Site, error: LakeflowError, *, plain: bool) -> Response:
    """What the command line would say: an unknown thing is not found, and a lake that cannot be read is no fault of
    who asks.
    """
    status = 404 if isinstance(error, UnknownError) else 400 if isinstance(error, (UsageError, AssetError)) else 503
    if plain:
        text = enveloped("", {}, error.exit_code, entries_of(error)) + "\n"
        return Response(text, status, media_type="application/json")
    return _fault_page(site, entries_of(error), status)


def _fault_page(site: Site, entries: tuple[dict[str, object], ...], status: int) -> Response:
    page = Page("fault.html", "", ("status",), dict, {"entries": entries})
    return HTMLResponse(html_of(page, site.kept.root.name, ""), status)


def _refused(site: Site, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and not request.url.path.endswith(".json"):
        return _fault_page(site, (entry("usage", "there is no such page", "begin at the lake's own page"),), 404)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def _broken(_request: Request, error: Exception) -> Response:
    """The text of a bug is not shown: it may hold values of the data."""
    return PlainTextResponse(f"unexpected {type(error).__name__}; the server's own output says where\n", 500)


def files_as_they_are() -> dict[str, tuple[bytes, str]]:
    """All files that are served as they are, read once."""
    folder = files("lakeflow.ui").joinpath("static")
    found = {
        each.name: (each.read_bytes(), kind)
        for each in folder.iterdir()
        for end, kind in _KINDS.items()
        if each.name.endswith(end)
    }
    return {**found, "lineage.css": (STYLE.encode(), _KINDS[".css"])}


async def _static(content: bytes, kind: str, _request: Request) -> Response:
    """These files hold nothing of the lake, so a browser may keep them a while."""
    return Response(content, headers={"content-type": kind, "cache-control": "max-age=600"})
