"""The addresses of all pages, and how a page is answered: as HTML, or by its `.json` twin as the command line does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from importlib.resources import files
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from lakeflow.as_json.envelope import entries_of, entry, enveloped
from lakeflow.core.drawing.svg import STYLE
from lakeflow.core.errors import AssetError, LakeflowError, UsageError
from lakeflow.core.glance.decisions import decisions
from lakeflow.core.model.run import RunRecord
from lakeflow.core.values import dataclass
from lakeflow.ui import acting, enter
from lakeflow.ui.acts import Acts, verbs_of
from lakeflow.ui.guard import Access, Guard, is_foreign
from lakeflow.ui.kept import Glance, SeenLake
from lakeflow.ui.live import FollowedRuns
from lakeflow.ui.page import Page, typed
from lakeflow.ui.pages import asking, asset, home, lake, runs
from lakeflow.ui.pages.asked import PageRequest, UnknownError
from lakeflow.ui.render import render
from lakeflow.ui.rows.lake import SECONDS, RowLake

_Result = TypeVar("_Result")
Make = Callable[[Glance, PageRequest], Page]
PAGES: Final[Mapping[str, Make]] = {
    "/": home.home,
    "/assets/{asset}": asset.overview,
    "/assets/{asset}/snapshots": asset.snapshots,
    "/assets/{asset}/checks": asset.checks,
    "/assets/{asset}/data": asset.rows,
    "/assets/{asset}/elsewhere": asset.elsewhere,
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
    acts: Acts | None = None
    live: FollowedRuns = field(default_factory=FollowedRuns)

    def ahead(self) -> Future[Glance]:
        """Look at the lake before somebody asks: the first look at many tables is the long one. Where it fails, the
        first page says why.
        """
        looked = self.looks.submit(self.kept.glance)
        looked.add_done_callback(self._rows_ahead)
        return looked

    def _rows_ahead(self, looked: Future[Glance]) -> None:
        """Compare what is held with what readers see, so that who comes to decide need not wait for it."""
        if looked.cancelled() or looked.exception() is not None:
            return
        glance = looked.result()
        if waits := decisions(glance.outlook):
            with suppress(RuntimeError):  # the server ends already
                self.asks.submit(self.rows.answer, glance, partial(runs.compared, waits=waits))

    def close(self) -> None:
        if self.acts is not None:
            self.acts.close()
        self.rows.close()
        for thread, close in ((self.asks, self.rows.close), (self.looks, self.kept.close)):
            thread.submit(close).result()
            thread.shutdown()


def site(kept: SeenLake, access: Access, seconds: float = SECONDS) -> Site:
    """The pages of a lake, on which a question for rows may take so many seconds."""
    one, other = (ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("lake", "rows"))
    acts = Acts(kept.root, kept.settings) if access.acts else None
    return Site(kept, RowLake(kept.root, kept.settings, seconds), access, one, other, acts)


def application(site: Site, more: Sequence[BaseRoute] = ()) -> ASGIApp:
    """All pages of a lake and what more there is, guarded. Nothing is served by the path of a file."""
    routes: list[BaseRoute] = [*enter.routes(site.access), *more]
    for path, make in PAGES.items():
        twin = "/index.json" if path == "/" else f"{path}.json"
        routes.append(Route(twin, partial(_answer, site, make, _as_json), methods=["GET"]))
        routes.append(Route(path, partial(_answer, site, make, _as_html), methods=["GET"]))
    routes += [
        Route(f"/static/{name}", partial(_static, *it), methods=["GET"]) for name, it in files_as_they_are().items()
    ]
    routes.append(Route("/runs/{run}/events", partial(_followed, site), methods=["GET"]))
    if site.acts is not None:
        routes += acting.routes(site.acts, partial(_looked, site), partial(_question, site))
    routes.append(Route("/lineage.svg", partial(_saved, site), methods=["GET"]))
    handlers: dict[Any, Any] = {
        HTTPException: partial(_refused, site),
        LakeflowError: partial(_said, site),
        Exception: _broken,
    }
    pages = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(GZipMiddleware(pages, minimum_size=1024, compresslevel=5), site.access)


async def _answer(site: Site, make: Make, form: Callable[[Site, Page, str], Response], request: Request) -> Response:
    asked = PageRequest(request.path_params, dict(request.query_params), is_foreign(request.headers))
    where = request.url.path + (f"?{request.url.query}" if request.url.query else "")

    def shown(glance: Glance) -> Response:
        return form(site, replace(make(glance, asked), at=glance.at), where)

    if make is runs.one_run and form is _as_html:
        return form(site, await _with_rows(site, partial(make, asked=asked)), where)
    if make not in _ROWS:
        return await _looked(site, shown)
    glance = await _looked(site, lambda glance: glance)
    return await _within(site.asks, lambda: site.rows.answer(glance, shown))


async def _within(thread: ThreadPoolExecutor, work: Callable[[], _Result]) -> _Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


async def _looked(site: Site, look: Callable[[Glance], _Result]) -> _Result:
    """Look at the lake as it stands at this moment, or came to stand while the question waited for others."""
    began = site.kept.clock()
    return await _within(site.looks, lambda: look(site.kept.glance(began)))


def _question(site: Site, page: Page, status: int) -> Response:
    text = html_of(page, site.kept, "", token=site.access.token)
    # Not packed: how long a packed page is may tell of a token on it, beside what somebody else has put there.
    return HTMLResponse(text, status, {"content-encoding": "identity"})


async def _with_rows(site: Site, make: Callable[[Glance], Page]) -> Page:
    """A page and the rows that it asks for. Where these take long, or another question is being answered, it does
    without them and says so.
    """
    glance, page = await _looked(site, lambda glance: (glance, replace(make(glance), at=glance.at)))
    if page.asks is None:
        return page
    asked = asyncio.ensure_future(_within(site.asks, partial(site.rows.answer, glance, page.asks, site.rows.briefly)))
    done, _ = await asyncio.wait([asked], timeout=site.rows.briefly)
    if not done:  # it goes on, and the next who looks finds what came of it
        asked.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return page
    try:
        return replace(page, values={**page.values, **asked.result()})
    except LakeflowError:
        return page


async def _followed(site: Site, request: Request) -> Response:
    """What the page of a run shows, for as long as that changes."""
    asked = PageRequest(request.path_params)

    async def now() -> tuple[str, bool]:
        page = await _with_rows(site, lambda glance: runs.one_run(glance, asked))
        shared = {"known": PAGES, "environment": site.kept.environment}
        shown = render("run_now.html", {**shared, **page.values, **_acts_of(site, page)})
        return shown, bool(page.values["live"])

    await _looked(site, lambda glance: runs.one_run(glance, asked))
    return site.live.answer(now)


def _acts_of(site: Site, page: Page) -> dict[str, Any]:
    """What may be done on the page of a run, and what was."""
    run = page.values.get("run")
    if site.acts is None or not isinstance(run, RunRecord):
        return {"verbs": (), "act": None}
    return {"verbs": verbs_of(run), "act": site.acts.told.get(run.id)}


async def _saved(site: Site, request: Request) -> Response:
    """The lineage as a file that a browser keeps."""
    asked = PageRequest({}, dict(request.query_params))
    text = await _looked(site, lambda glance: lake.saved_lineage(glance, asked))
    kept = {"content-type": "image/svg+xml", "content-disposition": 'attachment; filename="lineage.svg"'}
    return Response(text, headers=kept)


def _as_html(site: Site, page: Page, where: str) -> Response:
    return HTMLResponse(html_of(page, site.kept, where, **_acts_of(site, page)), page.status)


def html_of(page: Page, kept: SeenLake, where: str, *, still: bool = False, **more: object) -> str:
    """The page as HTML. One that stands `still` is a file: nobody answers its questions."""
    shared = {
        "page": page,
        "lake": kept.root.name,
        "environment": kept.environment,
        "command": typed(page.command, kept.environment),
        "twin": twin_of(where) if where else None,
        "where": where.partition("?")[0],
        "known": PAGES,
        "still": still,
        "verbs": (),
        "act": None,
    }
    return render(page.template, {**shared, **page.values, **more})


def _as_json(site: Site, page: Page, where: str) -> Response:
    text = enveloped(page.command[0], page.data()) + "\n"
    return Response(text, 200, media_type="application/json")


def twin_of(where: str) -> str:
    """The address of the JSON of a page."""
    path, mark, query = where.partition("?")
    return ("/index.json" if path == "/" else f"{path}.json") + mark + query


def _said(site: Site, request: Request, error: Exception) -> Response:
    """What the command line would say: an unknown thing is not found, and a lake that cannot be read is no fault of
    who asks.
    """
    assert isinstance(error, LakeflowError)
    status = 404 if isinstance(error, UnknownError) else 400 if isinstance(error, (UsageError, AssetError)) else 503
    if request.url.path.endswith(".json"):
        text = enveloped("", {}, error.exit_code, entries_of(error)) + "\n"
        return Response(text, status, media_type="application/json")
    return _fault_page(site, entries_of(error), status)


def _fault_page(site: Site, entries: tuple[dict[str, object], ...], status: int) -> Response:
    page = Page("fault.html", "", ("status",), dict, {"entries": entries})
    return HTMLResponse(html_of(page, site.kept, ""), status)


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
