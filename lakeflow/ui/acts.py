"""The four things that may be done from a page, where the server was started with `--actions`: each is asked again, and
recorded with who did it.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakeflow.core.errors import BusyError, ConflictError, LakeflowError, UsageError
from lakeflow.core.model.run import UNPUBLISHED_ENDS, RunRecord, RunState
from lakeflow.core.values import dataclass
from lakeflow.lake import lake as lakes
from lakeflow.lake.lake import Lake

SOON: Final = 3.0
"""Seconds that a page waits for the end of what it began; what takes longer goes on by itself."""
_LONGEST: Final = 500


@dataclass(frozen=True)
class Verb:
    """What may be done with a run: the button, what comes of it, and the words of the command."""

    name: str
    button: str
    outcome: str
    takes_reason: bool = False

    def words(self, run: str, reason: str = "…") -> tuple[str, ...]:
        return (self.name, run, *(("--force", "--reason", reason) if self.takes_reason else ()))


VERBS: Final = {
    each.name: each
    for each in (
        Verb("retry", "Try again", "The next attempt writes and audits what the run did not publish."),
        Verb("discard", "Discard", "What the run wrote and did not publish is dropped. Readers notice nothing."),
        Verb("publish", "Publish anyway", "Readers will see these rows, although checks did not pass.", True),
        Verb("rollback", "Take back", "Readers will see again what they saw before this run, in all its tables."),
    )
}


def verbs_of(run: RunRecord) -> tuple[Verb, ...]:
    """What may be done with a run as it stands."""
    if run.state in UNPUBLISHED_ENDS:
        return VERBS["retry"], VERBS["discard"], VERBS["publish"]
    return (VERBS["rollback"],) if run.state is RunState.PUBLISHED else ()


@dataclass(frozen=True)
class Act:
    """Something that was asked for: by whom, when, and what came of it. `fault` says why nothing did."""

    verb: Verb
    who: str
    at: datetime
    is_over: bool = False
    fault: str = ""


class Acts:
    """One thread does what is asked, one thing after the other; `told` is the last act of each run."""

    def __init__(self, root: Path, settings: Mapping[str, str]) -> None:
        self._root, self._settings = root, settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="acts")
        self.told: dict[str, Act] = {}
        self.user = getpass.getuser()

    async def begin(self, run: str, verb: Verb, said: Mapping[str, str]) -> None:
        """Do it; returns when it has ended, or after a while. What it raises within that time is raised."""
        who, reason = named(said.get("who", ""), self.user), said.get("reason", "").strip()
        if verb.takes_reason and not reason:
            raise UsageError("a publish over failed checks needs a reason", hint="it stands in the record for good")
        if len(reason) > _LONGEST:
            raise UsageError(f"the reason has more than {_LONGEST} characters", hint="say it shorter")
        begun = self.told.get(run)
        if begun is not None and not begun.is_over:
            raise UsageError(f"{begun.verb.name} of run {run} is at work already", hint="look at the run")
        act = self.told[run] = Act(verb, who, datetime.now(UTC))
        future = self._thread.submit(self._do, run, act, reason)
        await _within_reason(future)

    def close(self) -> None:
        """Wait for what is at work: a run that is cut off has to be tried again by somebody."""
        self._thread.shutdown()

    def _do(self, run: str, act: Act, reason: str) -> None:
        fault = "it ended unexpectedly; the server's own output says where"
        try:
            with replace(lakes.open(self._root, settings=self._settings), actor=act.who) as lake:
                _done(lake, act.verb, run, reason)
            fault = ""
        except LakeflowError as error:
            fault = error.message
            raise
        finally:
            self.told[run] = replace(act, is_over=True, fault=fault)


def named(said: str, user: str) -> str:
    """Who is recorded: the name that somebody gave, and whose server it was given to."""
    name = said.strip()
    if len(name) > 60 or not name.isprintable():
        raise UsageError("that is no name", hint="give one of at most 60 characters")
    return f"{name} (in a browser, served by {user})" if name and name != user else f"{user} (in a browser)"


def status_of(error: LakeflowError) -> int:
    return 409 if isinstance(error, (BusyError, ConflictError)) else 400


def _done(lake: Lake, verb: Verb, run: str, reason: str) -> None:
    if verb.name == "retry":
        lake.retry(run)
    elif verb.name == "discard":
        lake.discard(run)
    elif verb.name == "publish":
        lake.publish(run, reason=reason)
    else:
        lake.rollback(run)


async def _within_reason(future: Future[None]) -> None:
    waiting = asyncio.wrap_future(future)
    done, _ = await asyncio.wait([waiting], timeout=SOON)
    if done:
        waiting.result()
    else:
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
