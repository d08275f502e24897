"""The loop: look, decide, act, and say when to come back. It knows no library, no file, and no clock but the given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from lakeflow.core.errors import BusyError, LakeflowError, UsageError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.ports.catalog import Clock
from lakeflow.core.serve.decide import Decision, Memory, decide, pause_after
from lakeflow.core.serve.view import ServedLake
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import Health
from lakeflow.core.wording import counted
from lakeflow.serve.ports import KeptLake, Sight

_BUSY: Final = timedelta(seconds=5)
"""How long to stand by before looking again at a lake in which another process is at work."""
Say = Callable[[str], None]
Work = Callable[[], RunRecord | None]


@dataclass(frozen=True)
class Pulse:
    """How the service stands, for those who ask. It is replaced as a whole, so that other threads may read it.

    `fault` says why the lake is not kept at this moment, `at_work` what a run is about. `runs` counts runs by their
    end.
    """

    started_at: datetime
    looked_at: datetime | None = None
    lake: ServedLake = field(default_factory=ServedLake)
    fault: str = ""
    at_work: str = ""
    looks: int = 0
    missed: int = 0
    runs: Mapping[str, int] = EMPTY


@dataclass
class Loop:
    """Keeps a lake, one turn after the other. `poll` is the longest time between two looks."""

    lake: KeptLake
    clock: Clock
    say: Say
    poll: timedelta
    pulse: Pulse
    memory: Memory = field(default_factory=Memory)
    _stumbles: int = 0
    _last: object = None
    _left_alone: str = ""
    _unsent: str = ""
    _quiet: datetime | None = None

    def turn(self) -> datetime:
        """Look once, and act where there is something to do. Returns when to come back, at the latest."""
        try:
            seen = self.lake.look()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a lake may be mended while this goes on
            self._stumble(error)
            return self.clock() + self.poll
        now = self.clock()
        before = replace(self.memory, mended=seen.mended or self.memory.mended)
        decision = decide(seen.lake, before, seen.quiet, now)
        self._note(seen, decision, now)
        try:
            acted = self._act(decision)
        except BusyError as error:
            # Another process is at work. What was due stays due, and is looked at again when that one has ended.
            self.memory = replace(before, missed=decision.memory.missed)
            self._pulse(at_work="")
            self.say(f"standing by: {error.message}")
            return now + _BUSY
        except Exception as error:  # noqa: BLE001 - as above
            self.memory = decision.memory
            self._stumble(error)
            self._alert(seen, decision)
            return self.clock() + pause_after(self._stumbles)
        self.memory, self._stumbles = decision.memory, 0
        self._pulse(fault="")
        self._alert(seen, decision)
        return self._comes_back(seen, decision, now, acted=acted)

    def _act(self, decision: Decision) -> bool:
        """Was there a run?"""
        acted = False
        if keys := decision.materialize:
            acted = self._work(counted(len(keys), "asset"), partial(self.lake.materialize, keys))
        for run in decision.retries:
            try:
                acted = self._work(f"run {run}", partial(self.lake.retry, run)) or acted
            except UsageError as error:  # somebody discarded it, or went on with it, since the look
                if self._left_alone != error.message:
                    self.say(f"left alone: {error.message}")
                self._left_alone = error.message
        return acted

    def _alert(self, seen: Sight, decision: Decision) -> None:
        """Record what the clock tells, and send what waits; in quiet hours only while readers see what nobody should
        trust.
        """
        degraded = any(asset.health is Health.DEGRADED for asset in seen.lake.assets.values())
        try:
            self.lake.judge()
            if degraded or decision.quiet_until is None:
                self.lake.send()
        except Exception as error:  # noqa: BLE001 - what is wrong with a receiver never hinders the lake
            said = error.message if isinstance(error, LakeflowError) else type(error).__name__
            if said != self._unsent:
                self.say(f"alerts were not sent: {said}")
            self._unsent = said

    def _work(self, what: str, work: Work) -> bool:
        self._pulse(at_work=what)
        run = work()
        self._pulse(at_work="")
        if run is None:
            return False
        self._pulse(runs={**self.pulse.runs, run.state: self.pulse.runs.get(run.state, 0) + 1})
        done = sum(step.done for step in run.steps)
        why = "" if run.state is RunState.PUBLISHED else f"; `lakeflow runs {run.id}` says why"
        self.say(f"run {run.id} {run.state}: {done} of {counted(len(run.steps), 'asset')} done{why}")
        return True

    def _comes_back(self, seen: Sight, decision: Decision, now: datetime, *, acted: bool) -> datetime:
        """At once after a run, since that changes what is to be done; but not for the very same work once more."""
        work = {key: seen.lake.assets[key].reasons for key in decision.materialize}
        again, self._last = work == self._last, work
        if acted and not again:
            return now
        return min(decision.wake or now + self.poll, now + self.poll)

    def _note(self, seen: Sight, decision: Decision, now: datetime) -> None:
        pulse = self.pulse
        if seen.mended:
            self.say(f"the project has {counted(len(seen.lake.assets), 'asset')}")
        for key in decision.missed:
            due = [one.due for one in seen.lake.assets[key].deadlines if one.late and one.due is not None]
            since = f", due {min(due):%Y-%m-%d %H:%M} UTC" if due else ""
            self.say(f"{key} is late{since}")
        for key in decision.recovered:
            self.say(f"{key} is fresh again")
        if decision.quiet_until not in {None, self._quiet}:
            self.say(f"quiet until {decision.quiet_until:%Y-%m-%d %H:%M} UTC: what can wait does")
        self._quiet = decision.quiet_until
        missed = pulse.missed + len(decision.missed)
        self._pulse(looked_at=now, lake=seen.lake, looks=pulse.looks + 1, missed=missed)

    def _stumble(self, error: Exception) -> None:
        """Say what is wrong, once. The text of a bug is not shown: it may hold values of the data."""
        self._stumbles += 1
        said = str(error) if isinstance(error, LakeflowError) else f"unexpected {type(error).__name__}"
        if said != self.pulse.fault:
            self.say(f"cannot go on: {said}")
        self._pulse(fault=said, at_work="")

    def _pulse(self, **changes: object) -> None:
        self.pulse = replace(self.pulse, **changes)  # type: ignore[arg-type] # fields of its own, by name
