"""Who comes from elsewhere gives the token once; a cookie of this start says that from then on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lakeflow.ui.guard import COOKIE, Access, fields, same
from lakeflow.ui.render import render


def routes(access: Access) -> tuple[Route, ...]:
    """The one form that is shown to whoever asks. Without a password there is none."""

    async def form(_request: Request) -> Response:
        return HTMLResponse(render("enter.html", {"wrong": False}))

    async def given(request: Request) -> Response:
        said = await fields(request)
        if not same(said.get("password", ""), access.password):
            return HTMLResponse(render("enter.html", {"wrong": True}), 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, access.session, httponly=True, samesite="strict", secure=access.secure)
        return answer

    if not access.password:
        return ()
    return Route("/enter", form, methods=["GET"]), Route("/enter", given, methods=["POST"])
