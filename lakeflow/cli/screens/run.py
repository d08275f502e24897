"""A run as a screen: a line for each step, what was held and why, and what readers still see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from lakeflow.cli.screens.checks import check_lines, passed_of
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import UNPUBLISHED_ENDS, Action, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.planning import Held
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus
from lakeflow.core.wording import counted
from lakeflow.core.words import count, readers_see, seconds, seen

NOTHING_TO_DO: Final = "Nothing to do: all is fresh"

_MARKS: Final = {
    None: Mark.NONE,
    StepState.PUBLISHED: Mark.OK,
    StepState.AUDITED: Mark.OK,
    StepState.UNCHANGED: Mark.SAME,
    StepState.SKIPPED: Mark.NONE,
    StepState.HELD: Mark.BAD,
    StepState.ERRORED: Mark.BAD,
    StepState.CONFLICT: Mark.BAD,
    StepState.SUPERSEDED: Mark.NONE,
    StepState.DISCARDED: Mark.NONE,
}
TAKEN_BACK: Final = frozenset({RunState.DISCARDED, RunState.ROLLED_BACK})
_COUNTED: Final = (
    "conflict",
    "held",
    "skipped",
    "published",
    "audited",
    "unchanged",
    "superseded",
    "discarded",
    "unfinished",
)
_LOUD: Final = frozenset({StepState.HELD, StepState.ERRORED, StepState.CONFLICT})


def run_screen(
    run: RunRecord | None, readers: Mapping[AssetKey, AssetStatus], now: datetime, held: Sequence[Held] = ()
) -> Text:
    """The whole answer of a run; `readers` is what main shows for each asset that has not reached readers, `held` what
    the plan left to older runs.
    """
    if run is None:
        return screen(held_lines(held), _decide_lines(held)) if held else line(NOTHING_TO_DO)
    head = [_headline(run), *align((_run_cells(step, run) for step in run.steps), right=frozenset({3, 6}))]
    if run.state in TAKEN_BACK:
        return screen(head, _readers_lines(run, readers, now))
    blocks = [_block(step, run, readers.get(step.asset), now) for step in run.steps]
    reason = f"; {run.reason}" if run.reason else ""
    return screen(
        [*head, line(counts(run.steps), reason)], *blocks, next_lines(run), held_lines(held), _decide_lines(held)
    )


def held_lines(held: Sequence[Held], indent: int = 0) -> list[Text]:
    """A line for each asset whose work an older run holds."""
    return align([(line(Mark.BAD), line(str(one.asset)), line(one.why)) for one in held], indent=indent)


def compare_lines(held: Sequence[Held]) -> list[Text]:
    runs = dict.fromkeys(one.run for one in held)
    return [line("Compare   ", f"`lakeflow diff {run}` shows how what it holds differs from main") for run in runs]


def _decide_lines(held: Sequence[Held]) -> list[Text]:
    runs = dict.fromkeys(one.run for one in held)
    return [line("Decide    ", f"`lakeflow runs {run}` says why it is held and what to do") for run in runs]


def _run_cells(step: StepRecord, run: RunRecord) -> list[Text]:
    """A step as it is today: if its run was taken back, it is no longer held or published."""
    cells = step_cells(step, run.branch)
    if step.state in {StepState.ERRORED, StepState.CONFLICT} and run.state not in TAKEN_BACK:
        cells[-1] = line((step.state.upper(), "bold red"))  # the reason is given in full below
    if run.state in TAKEN_BACK and step.state is StepState.HELD:  # a rollback also discards what was held
        cells[0], cells[-1] = line(Mark.NONE), line("discarded")
    elif run.state is RunState.ROLLED_BACK and step.done:
        cells[0], cells[-1] = line(Mark.NONE), line("rolled back")
    return cells


def _readers_lines(run: RunRecord, readers: Mapping[AssetKey, AssetStatus], now: datetime) -> list[Text]:
    """What is on main now for each asset that was taken back; a rollback lists only those that had been published."""
    back = run.state is RunState.ROLLED_BACK
    found = [readers[step.asset] for step in run.steps if step.asset in readers and (step.done or not back)]
    return align([(line(str(one.asset)), line(_seen_now(one, now, back=back))) for one in found])


def readers_lines(keys: Iterable[AssetKey], readers: Mapping[AssetKey, AssetStatus], now: datetime) -> list[Text]:
    """What readers see again of each of these tables."""
    found = [readers[key] for key in keys if key in readers]
    return align([(line(str(one.asset)), line(_seen_now(one, now, back=True))) for one in found])


def _seen_now(reader: AssetStatus, now: datetime, *, back: bool) -> str:
    if back and reader.snapshot_id is None:
        return "readers see nothing again"
    return f"readers {'see again' if back else 'still see'} {seen(reader, now)}"


def step_cells(step: StepRecord, branch: str) -> list[Text]:
    """Mark, asset, `wrote` and how much, checks, snapshot, time, and how it ended."""
    wrote = step.snapshot_id is not None and step.action is Action.WRITE
    audited = step.snapshot_id is not None and step.state not in {StepState.UNCHANGED, StepState.SKIPPED}
    # Nothing of a step that was skipped ran, however long it took to find that out.
    took = seconds(step.seconds) if step.seconds >= 0.05 and step.state is not StepState.SKIPPED else ""
    return [
        line(Mark.WARN if step.done and _unhappy(step) else _MARKS[step.state]),
        line(str(step.asset)),
        line("wrote" if wrote else "moved" if step.action is Action.COMPACT else ""),
        line(count(step.rows) if wrote else ""),
        line(_audited(step) if audited else ""),
        line((short_id(step.snapshot_id), "dim") if step.snapshot_id is not None else ""),
        line((took, "dim")),
        _ending(step, branch),
    ]


def steps_records(run: RunRecord | None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The steps of one run, for CSV; none where there was nothing to do."""
    return ("asset", "action", "state", "reason", "snapshot_id", "rows", "seconds"), [
        (
            str(step.asset),
            str(step.action),
            str(step.state or ""),
            step.reason,
            "" if step.snapshot_id is None else str(step.snapshot_id),
            "" if step.rows is None else str(step.rows),
            f"{step.seconds:.3f}",
        )
        for step in (run.steps if run else ())
    ]


def counts(steps: Iterable[StepRecord]) -> str:
    """`1 held · 1 skipped · 2 published · 0 errored`."""
    tally = Counter(str(step.state or "unfinished") for step in steps)
    return " · ".join([f"{tally[word]} {word}" for word in _COUNTED if tally[word]] + [f"{tally['errored']} errored"])


def next_lines(run: RunRecord) -> list[Text]:
    """The commands that a person may use now; none when nothing waits."""
    if run.state not in UNPUBLISHED_ENDS:
        return []
    discard = f"`lakeflow discard {run.id}`"
    retry = f"`lakeflow retry {run.id}`"
    held = [step for step in run.steps if step.state is StepState.HELD]
    if not held:
        return [line("Next      ", _mend(run.state), " ", retry, ", or ", discard)]
    if all(_is_main(step) for step in held):
        again = " ".join(str(step.asset) for step in held)
        write = f"`lakeflow materialize {again} --force`"
        return [line("Decide    ", write, " writes it again; or mend the checks and ", retry)]
    force = f'`lakeflow publish {run.id} --force --reason "…"`'
    return [line("Decide    fix the code and ", retry, ", or ", discard, ", or ", force), *_other_ways(run, held)]


def _other_ways(run: RunRecord, held: Sequence[StepRecord]) -> list[Text]:
    """Ways out that suit some held runs: set bad rows apart, or take back more than what is held."""
    bad = (check for step in held for check in step.checks if check.holds)
    apart = "`on_fail: quarantine` in a check of single rows sets the bad ones apart, then"
    found = (
        [line("Or        ", apart, f" `lakeflow retry {run.id}`")] if any(c.path and c.failed_rows for c in bad) else []
    )
    if any(step.state is StepState.PUBLISHED for step in run.steps):
        more = (
            f"`lakeflow rollback {run.id}` takes back what it published, too; `lakeflow unland FILE` a file that landed"
        )
        found.append(line("Or        ", more))
    return found


def _mend(state: RunState) -> str:
    if state is RunState.FAILED:
        return "mend the cause, then"
    return "write it again on what readers see now:" if state is RunState.CONFLICT else "go on with"


def _headline(run: RunRecord) -> Text:
    attempt = f"  attempt {run.attempt}" if run.attempt > 1 else ""
    branch = f"  branch {run.branch}" if run.state in UNPUBLISHED_ENDS | {RunState.RUNNING} else ""
    state = run.state.replace("_", " ")
    return line(("Run " + run.id, "bold"), f"  {state}  {counted(len(run.steps), 'asset')}", attempt, branch)


def _audited(step: StepRecord) -> str:
    if not step.checks:
        return "no checks" if step.state else ""
    return f"audited {passed_of(step.checks)}"


def _ending(step: StepRecord, branch: str) -> Text:
    reason = f": {step.reason.splitlines()[0]}" if step.reason else ""
    match step.state:
        case StepState.HELD if _is_main(step):
            return line(("HELD", "bold red"), ": readers see it already")
        case StepState.HELD:
            own = any(check.holds for check in step.checks)
            return line(("HELD", "bold red"), f" on {branch}", "" if own else reason)
        case StepState.ERRORED | StepState.CONFLICT:
            return line((step.state.upper(), "bold red"), reason)
        case None:
            return line(("not finished", "dim"), reason)
    return line(str(step.state), reason)


def _block(step: StepRecord, run: RunRecord, reader: AssetStatus | None, now: datetime) -> list[Text]:
    """What is wrong with one step; nothing for a step that went well."""
    if step.state not in _LOUD:
        return _warned(step) if step.done and _unhappy(step) else []
    seen_now = _readers(reader, now).replace("still see", "see") if _is_main(step) else _readers(reader, now)
    heading = line(Mark.BAD, " ", (str(step.asset), "bold"), f"  {_fault(step)}", seen_now)
    reason = [] if step.state is StepState.HELD else step.reason.splitlines()
    return [heading, *(line(f"  {text}") for text in reason), *check_lines(step.checks), *_look(step, run, reader)]


def _warned(step: StepRecord) -> list[Text]:
    """A step on main whose checks did not all pass: with warnings, or published by force."""
    forced = any(check.holds for check in step.checks)
    why = "by force: checks that hold it did not pass" if forced else "although checks that do not hold failed"
    heading = line(Mark.WARN, " ", (str(step.asset), "bold"), f"  {step.state} {why}")
    return [heading, *check_lines(step.checks)]


def _fault(step: StepRecord) -> str:
    if step.state is StepState.HELD:
        return "audit failed" if any(check.holds for check in step.checks) else f"held: {step.reason}"
    return "errored" if step.state is StepState.ERRORED else "conflict: main moved"


def _readers(reader: AssetStatus | None, now: datetime) -> str:
    return f"; {readers_see(reader, now)}" if reader else ""


def _look(step: StepRecord, run: RunRecord, reader: AssetStatus | None) -> list[Text]:
    """What shows the rows that failed, and how they differ from those that readers see."""
    if step.state is not StepState.HELD or run.state not in UNPUBLISHED_ENDS:
        return []
    where = "" if _is_main(step) else f" --ref {run.branch}"
    failing = any(check.outcome is Outcome.FAILED for check in step.checks)
    looks = [line(f"  Look    `lakeflow show {step.asset}{where} --failing`")] if failing else []
    if where and reader and reader.snapshot_id is not None:
        looks.append(line(f"  Compare `lakeflow diff {step.asset} main..{run.branch}`"))
    return looks


def _is_main(step: StepRecord) -> bool:
    """Did only its checks run again, on main? Then there is no branch to look at, publish or discard."""
    return step.action is Action.AUDIT


def _unhappy(step: StepRecord) -> bool:
    return any(check.outcome in {Outcome.FAILED, Outcome.ERRORED} for check in step.checks)
