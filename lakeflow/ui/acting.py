"""The addresses of what may be done: one shows what would come of it, and its form does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lakeflow.core.errors import LakeflowError, ProjectError, UsageError
from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.ui.acts import VERBS, Acts, Verb, status_of, verbs_of
from lakeflow.ui.guard import fields
from lakeflow.ui.kept import Glance
from lakeflow.ui.page import Page

Look = Callable[[Callable[[Glance], RunRecord]], Awaitable[RunRecord]]
Shown = Callable[[Page, int], Response]


def routes(acts: Acts, look: Look, shown: Shown) -> tuple[Route, ...]:
    """`look` asks the lake, and `shown` makes a page of its values."""
    return tuple(
        Route(f"/runs/{{run}}/{verb.name}", partial(handler, acts, look, shown, verb), methods=[method])
        for verb in VERBS.values()
        for method, handler in (("GET", _ask), ("POST", _act))
    )


async def _ask(acts: Acts, look: Look, shown: Shown, verb: Verb, request: Request) -> Response:
    """Nothing changes by looking at the question."""
    run = await _run(look, verb, request)
    return shown(_question(acts, verb, run), 200)


async def _act(acts: Acts, look: Look, shown: Shown, verb: Verb, request: Request) -> Response:
    run, said = await _run(look, verb, request), await fields(request)
    if said.get("again") != "yes":
        return RedirectResponse(f"/runs/{run.id}/{verb.name}", 303)
    try:
        await acts.begin(run.id, verb, said)
    except LakeflowError as error:
        return shown(_question(acts, verb, run, error, said.get("reason", "")), status_of(error))
    return RedirectResponse(f"/runs/{run.id}", 303)


async def _run(look: Look, verb: Verb, request: Request) -> RunRecord:
    """The run of the address, by its whole id. There is no such page where the verb has nothing to do with it."""
    wanted = request.path_params["run"]
    try:
        run = await look(lambda glance: glance.lake.run(wanted))
    except ProjectError:
        raise
    except UsageError:
        raise HTTPException(404) from None
    if run.id != wanted or verb not in verbs_of(run):
        raise HTTPException(404)
    return run


def _question(acts: Acts, verb: Verb, run: RunRecord, fault: LakeflowError | None = None, reason: str = "") -> Page:
    steps = [step for step in run.steps if _is_meant(verb, step)]
    values = {"verb": verb, "run": run, "steps": steps, "fault": fault, "reason": reason, "user": acts.user}
    return Page("act.html", f"{verb.name} {run.id}", verb.words(run.id), dict, values)


def _is_meant(verb: Verb, step: StepRecord) -> bool:
    """Will what is asked change something about this step?"""
    if verb.name == "rollback":
        return step.done
    return step.open and (step.snapshot_id is not None or verb.name == "retry")
