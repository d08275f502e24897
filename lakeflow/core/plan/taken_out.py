"""Landed files that a person took out again: their rows go, and they do not land by themselves any more.

Which files are out stands in the landed set, beside those that landed. So a rollback takes that back too, and it is
true in this lake alone: a fresh lake lands what its folders hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, OnRewrite, Project, ancestors, downstreams
from lakeflow.core.model.file_source import Once
from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.facts import Published
from lakeflow.core.plan.landing import Landing, TakenOut, to_land
from lakeflow.core.plan.reasons import Cause, Reason
from lakeflow.core.plan.scd2_rebuilds import is_dated_by_runs
from lakeflow.core.wording import counted, did_you_mean

Asked = Mapping[AssetKey, tuple[Reason, ...]]
"""What a person asks of the files of an asset: a reason for each file."""
_GO: Final = "rows of files that it was made from go"


def keep_out(landing: Landing, out: Iterable[TakenOut], once: Once) -> Landing:
    """The landing without the files that are out. A name with other bytes is another delivery, and lands."""
    known = tuple(out)
    bytes_, both = {each.hash for each in known}, {(each.name, each.hash) for each in known}
    by_bytes = once is Once.CONTENT
    stays = [file for file in landing.new if (file.hash in bytes_ if by_bytes else (file.name, file.hash) in both)]
    names = {file.name for file in stays}
    return replace(
        landing,
        new=tuple(file for file in landing.new if file.name not in names),
        again=tuple(copy for copy in landing.again if copy.name not in names),
        out=known,
        withheld=tuple(stays),
    )


def as_asked(landing: Landing, reasons: Iterable[Reason], once: Once) -> Landing:
    """The landing with what a person asks of its files: some go, and some of those that are out land again.

    A file that goes leaves its name free: what is there under that name by now lands with the same write.
    """
    asked = tuple(reasons)
    gone = {each.after for each in asked if each.cause is Cause.UNLANDS}
    back = {each.after for each in asked if each.cause is Cause.LANDS_AGAIN}
    if not gone and not back:
        return landing
    before = tuple(each for each in landing.before if each.name not in gone)
    went = (TakenOut(each.name, each.hash) for each in landing.before if each.name in gone - back)
    out = dict.fromkeys((*(each for each in landing.out if each.name not in back), *went))
    anew = replace(to_land(landing.found, before, once), undeclared=landing.undeclared)
    return keep_out(anew, tuple(out), once)


def asked_to_go(landings: Mapping[AssetKey, Landing], names: Iterable[str]) -> Asked:
    """The assets that landed these files. UsageError for a file that none did."""
    landed = {key: frozenset(each.name for each in landing.before) for key, landing in landings.items()}
    refused = UsageError("no asset landed {}", hint="`lakeflow list` shows which assets land files")
    return _asked(names, landed, Cause.UNLANDS, refused)


def asked_to_come(landings: Mapping[AssetKey, Landing], names: Iterable[str]) -> Asked:
    """The assets that keep these files out. UsageError for a file that is not out, or not there any more."""
    there = {key: frozenset(each.name for each in landing.withheld) for key, landing in landings.items()}
    hint = "a file that was taken out must be there with the bytes that it had; other bytes land by themselves"
    return _asked(names, there, Cause.LANDS_AGAIN, UsageError("no asset keeps {} out", hint=hint))


def _asked(names: Iterable[str], known: Mapping[AssetKey, frozenset[str]], cause: Cause, refused: UsageError) -> Asked:
    found: dict[AssetKey, tuple[Reason, ...]] = {}
    for name in dict.fromkeys(names):
        keys = [key for key, those in known.items() if name in those]
        if not keys:
            everything = frozenset[str]().union(*known.values())
            hint = did_you_mean(name, everything, refused.hint or "")
            raise UsageError(refused.message.format(repr(name)), hint=hint)
        for key in keys:
            found[key] = (*found.get(key, ()), Reason(cause, after=name))
    return found


def asked_before(run: RunRecord) -> Asked:
    """What was asked of files when the run began, as its steps say."""
    found = {
        step.asset: tuple(
            Reason(cause, after=text.removeprefix(f"{cause} "))
            for text in step.reasons
            for cause in (Cause.UNLANDS, Cause.LANDS_AGAIN, Cause.LEAVES_OUT)
            if text.startswith(f"{cause} ")
        )
        for step in run.steps
    }
    return {key: reasons for key, reasons in found.items() if reasons}


def below(project: Project, asked: Asked) -> frozenset[AssetKey]:
    """The assets that are made anew: those that it names and that land no files, and all that are made, step by
    step, from these or from one of which files go.
    """
    lands = {key for key in asked if project.assets[key].files}
    gone = {key for key in lands if any(each.cause is Cause.UNLANDS for each in asked[key])}
    made_from = downstreams({key: asset.upstreams for key, asset in project.assets.items()})
    return frozenset(ancestors(gone | (asked.keys() - lands), made_from) - lands)


def rebuilds(project: Project, asset: Asset, stands: Published, *, refreshed: bool) -> list[Reason]:
    """How an asset loses the rows that it was made from and that go. A merge would keep them, so it is made anew where
    that loses nothing else; otherwise it waits for a person.
    """
    if asset.write.traits.replaces:
        return []
    if refreshed:
        return [Reason(Cause.FULL_REFRESH, rows=stands.snapshot.rows)]
    tells_all = all(project.assets[key].write.traits.adds for key in asset.upstreams) and not asset.external
    again = tells_all and (asset.new_rows or asset.write.traits.merges)
    if again and asset.on_rewrite is OnRewrite.REBUILD and not is_dated_by_runs(asset):
        return [Reason(Cause.REBUILD, after=_GO)]
    say = "`--full-refresh` makes it anew from what its inputs hold"
    return [Reason(Cause.WAITS, after=f"{_GO}, and a rebuild may lose others; {say}")]


def told_out(landing: Landing) -> str:
    """`2 files that were taken out, such as a.csv`; empty where none is there."""
    if not landing.withheld:
        return ""
    return f"{counted(len(landing.withheld), 'file')} taken out before, such as {landing.withheld[0].name}"
