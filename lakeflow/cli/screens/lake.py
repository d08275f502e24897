"""The assets of a lake as screens: the list, the health of each, and lineage as a tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, AssetKind, Project, PythonCode
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.plan.landing import told
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.leases import AtWork
from lakeflow.core.view.consistency import UndefinedTable
from lakeflow.core.view.rows import AssetState, AssetStatus, ExternalUse, Health, LineageNode, Setting, Symptom
from lakeflow.core.wording import age, counted
from lakeflow.core.words import in_rows, readers_see

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]
Label = Callable[[LineageNode], Text]

_MARKS: Final = {
    AssetState.BROKEN: Mark.BAD,
    AssetState.HELD: Mark.BAD,
    AssetState.NEVER_BUILT: Mark.NEW,
    AssetState.STALE: Mark.MOVED,
    AssetState.UNAUDITED: Mark.CHANGED,
    AssetState.FRESH: Mark.OK,
}
_HEALTHS: Final = {
    Health.DEGRADED: "bold red",
    Health.WARNING: "yellow",
    Health.UNKNOWN: "",
    Health.HEALTHY: "",
}
_LAST: Final = ("└── ", "    ")
_ONE_OF_SEVERAL: Final = ("├── ", "│   ")
_FEW: Final = 5
_WORDS: Final = (Health.DEGRADED, Health.WARNING, *AssetState, "rolled back")
_DUE: Final = frozenset({AssetState.NEVER_BUILT, AssetState.STALE, AssetState.UNAUDITED})


Healths = Mapping[AssetKey, AssetStatus]
"""The status of each asset whose health was asked for."""


def list_screen(project: Project, keys: Sequence[AssetKey], healths: Healths = EMPTY) -> Text:
    rows = [(*_health(healths, key), *_listed(project.assets[key], project)) for key in keys]
    return screen(align(rows), [line(counted(len(rows), "asset"))])


def list_records(project: Project, keys: Sequence[AssetKey], healths: Healths = EMPTY) -> Records:
    header = ("asset", "kind", "language", "write", "path", "upstreams", "foreign_keys", "checks", "description")
    rows = [_list_record(project.assets[key], project) for key in keys]
    if not healths:
        return header, rows
    return (*header, "health"), [(*row, str(healths[key].health)) for key, row in zip(keys, rows, strict=True)]


def _health(healths: Healths, key: AssetKey) -> tuple[Text, ...]:
    status = healths.get(key)
    return (line((str(status.health), _HEALTHS[status.health])),) if status else ()


def check_screen(project: Project, unbound: Sequence[AssetKey]) -> Text:
    files = counted(sum(len(suite.files) for suite in project.suites.values()), "check file")
    well = line(Mark.OK, " ", f"{counted(len(project.assets), 'asset')} and {files} are in order")
    if not unbound:
        return well
    named = ", ".join(map(str, unbound[:_FEW])) + (", …" if len(unbound) > _FEW else "")
    said = f"columns not looked up, as what they read tells its own only when it runs: {named}"
    return screen([well], [line(Mark.WARN, " ", said)])


def status_screen(statuses: Sequence[AssetStatus], now: datetime) -> Text:
    """The status of each asset; those that need a decision come first."""
    if not statuses:
        return line("no asset stands so")
    rows = [(line(_mark(one)), line(str(one.asset)), _state(one), _about(one, now)) for one in statuses]
    tally = Counter(_word(status) for status in statuses)
    summary = " · ".join(f"{number} {word}" for word in _WORDS if (number := tally[str(word)]))
    return screen(align(rows), [line(summary)], status_hints(statuses))


def waiting_lines(runs: Sequence[RunRecord], now: datetime) -> list[Text]:
    """Runs that failed, met a conflict or were cut off and that nobody has resumed; held runs show with their
    assets.
    """
    return [_waiting_line(run, now) for run in runs if run.state is not RunState.HELD]


def _waiting_line(run: RunRecord, now: datetime) -> Text:
    left = counted(sum(step.open for step in run.steps), "asset")
    return line(f"Retry     `lakeflow retry {run.id}`  {run.state} {age(run.started_at, now)} ago, {left} unpublished")


def at_work_lines(runs: Sequence[AtWork], now: datetime) -> list[Text]:
    """Runs at work now: whose, since when, where, and on which assets."""
    return [
        line(
            f"At work   run {run.run} of {run.actor} for {age(run.since, now)}, process {run.pid} on {run.host}: "
            f"{', '.join(map(str, run.assets[:_FEW]))}{', …' if len(run.assets) > _FEW else ''}"
        )
        for run in runs
    ]


def undefined_lines(tables: Sequence[UndefinedTable]) -> list[Text]:
    """Tables whose assets are gone, and the command that removes them."""
    return [
        line(
            (str(each.key), "bold"),
            f"  no asset defines it any more; {_stands(each)} is kept until `lakeflow drop {each.key}`",
        )
        for each in tables
    ]


def _stands(undefined: UndefinedTable) -> str:
    if undefined.table is None:
        return f"its table, which cannot be read ({undefined.fault}),"
    head = undefined.table.published
    return "its table, never published," if head is None else f"{short_id(head.id)} ({in_rows(head.rows)})"


def status_hints(statuses: Sequence[AssetStatus]) -> list[Text]:
    named = (run for status in statuses for run in (*status.held, status.failed_audit) if run)
    held = dict.fromkeys(named)
    looks = [line(f"Look      `lakeflow runs {run}`") for run in held]
    if any(map(_is_broken, statuses)):
        looks.append(line("Broken    `lakeflow doctor` says what is wrong; the other tables are as they were"))
    due = any(status.state in _DUE for status in statuses)
    return [*looks, line("Next      `lakeflow materialize` runs what is not fresh")] if due else looks


def _is_broken(status: AssetStatus) -> bool:
    return status.state is AssetState.BROKEN or any(deadline.unreadable for deadline in status.deadlines)


def status_records(statuses: Sequence[AssetStatus]) -> Records:
    header = ("asset", "state", "health", "snapshot_id", "rows", "published_at", "held", "reasons", "symptoms")
    return header, [_status_record(status) for status in statuses]


def lineage_screen(trees: Sequence[LineageNode], now: datetime, *, label: Label | None = None) -> Text:
    """One tree for each asset; `label` gives the text beside a name: health, or with `snapshot_label` the snapshot."""
    name = label or (lambda node: health_label(node, now))
    return screen(*(list(_tree(tree, name)) for tree in trees))


def lineage_records(trees: Sequence[LineageNode]) -> Records:
    """Every edge once: the asset, and what it was made from."""
    edges = dict.fromkeys(edge for tree in trees for edge in _edges(tree))
    return ("asset", "upstream"), list(edges)


def health_label(node: LineageNode, now: datetime) -> Text:
    status = node.status
    if status.held:
        return line((AssetState.HELD.upper(), "bold red"), f"  ({readers_see(status, now)})")
    if status.state is AssetState.FRESH and status.published_at:
        return line(f"published {age(status.published_at, now)} ago")
    return line((status.taken_back or str(status.state), _MARKS[status.state].value[1]))


def snapshot_label(node: LineageNode) -> Text:
    status = node.status
    held = f"  HELD on {', '.join(f'audit_{run}' for run in status.held)}" if status.held else ""
    if node.used is None:
        return line((status.taken_back or "never published", "yellow"), (held, "bold red"))
    rows = "" if node.used_rows is None else f"  {in_rows(node.used_rows)}"
    now = status.snapshot_id
    moved = f"  (readers see {short_id(now) if now else 'nothing'} now)" if now != node.used else ""
    return line(f"{short_id(node.used)}{rows}", (moved, "yellow"), (held, "bold red"))


def external_label(use: ExternalUse) -> Text:
    """Which snapshot of another catalog's table went into the asset, and whether the table has moved since."""
    if use.fault:
        return line((use.fault, "bold red"))
    if use.used is None:
        return line(("external, not read yet", "yellow"))
    rows = "" if use.used_rows is None else f"  {in_rows(use.used_rows)}"
    moved = f"  ({short_id(use.now)} now)" if use.now is not None and use.now != use.used else ""
    return line(f"external  {short_id(use.used)}{rows}", (moved, "yellow"))


def config_screen(settings: Sequence[Setting]) -> Text:
    return screen(align([(line(one.name), line(one.value)) for one in settings]))


def sources_screen(settings: Sequence[Setting]) -> Text:
    return screen(align([(line(one.name), line(one.value), line((one.source, "dim"))) for one in settings]))


def config_records(settings: Sequence[Setting]) -> Records:
    return ("name", "value", "source"), [(one.name, one.value, one.source) for one in settings]


def _listed(asset: Asset, project: Project) -> tuple[Text, ...]:
    checks = len(project.suite(asset.key).files)
    return (
        line(str(asset.key)),
        line((asset.kind or "", "dim")),
        line((_language(asset), "dim")),
        line((str(asset.write), "dim")),
        line((counted(checks, "check file") if checks else "no checks", "dim")),
        line(asset.description.partition("\n")[0]),
    )


def _list_record(asset: Asset, project: Project) -> tuple[str, ...]:
    upstreams = " ".join(sorted(map(str, asset.upstreams)))
    checks = " ".join(file.path for file in project.suite(asset.key).files)
    foreign = " ".join(f"{key.column}={key.dimension}.{key.key}" for key in project.suite(asset.key).foreign_keys)
    said = (str(asset.key), asset.kind or "", _language(asset), str(asset.write), asset.code.path)
    return *said, upstreams, foreign, checks, asset.description


def _language(asset: Asset) -> str:
    return "python" if isinstance(asset.code, PythonCode) else "sql"


def _mark(status: AssetStatus) -> Mark:
    """The mark of an asset. A degraded one is marked so, whatever a run would do about it."""
    if status.health is Health.DEGRADED:
        return Mark.BAD
    return Mark.WARN if _is_warned(status) else _MARKS[status.state]


def _is_warned(status: AssetStatus) -> bool:
    return status.state is AssetState.FRESH and status.health is Health.WARNING


def _word(status: AssetStatus) -> str:
    """The word for what a run would do; where that is nothing and readers should be warned, the asset's health."""
    if status.state is AssetState.NEVER_BUILT and status.taken_back:
        return "rolled back"
    ill = status.state is AssetState.FRESH and status.health in {Health.DEGRADED, Health.WARNING}
    return str(status.health if ill else status.state)


def _state(status: AssetStatus) -> Text:
    word = _word(status)
    return line((word.upper() if status.state is AssetState.HELD else word, _mark(status).value[1]))


def _about(status: AssetStatus, now: datetime) -> Text:
    """The asset's symptoms that the rest of the line does not mention, and how it stands."""
    told = _stands_so(status, now)
    said = "; ".join(one.text for one in status.symptoms if not _is_told(one, status))
    apart = f"; {in_rows(status.quarantined)} in quarantine" if status.quarantined else ""
    return line((said, _HEALTHS[status.health]), "; " if said and told.plain else "", told, apart)


def _is_told(symptom: Symptom, status: AssetStatus) -> bool:
    """Is the symptom mentioned elsewhere? Held runs, failed audits and assets that were never built have their own
    words.
    """
    runs = (*status.held, status.failed_audit)
    return (
        symptom.health is Health.UNKNOWN
        or any(run and run in symptom.text for run in runs)
        or symptom.text in status.reasons
    )


def _stands_so(status: AssetStatus, now: datetime) -> Text:
    skipped = f"; skips {told(status.skipped)}" if status.skipped else ""
    if status.held:
        wait = "run {} waits" if len(status.held) == 1 else "runs {} wait"
        named = wait.format(", ".join(status.held))
        return line(f"{named} for a decision; {readers_see(status, now)}{skipped}")
    if status.failed_audit:
        return line(f"{_failed(status, now)}; {readers_see(status, now)}")
    if reasons := [reason for reason in status.reasons if reason != status.state]:
        return line("; ".join(reasons))  # for a step that runs, they name what is skipped
    if status.snapshot_id is None:
        return Text()
    old = f"  {age(status.published_at, now)} old" if status.published_at else ""
    return line(f"{short_id(status.snapshot_id)}  {in_rows(status.rows)}{old}{skipped}")


def _failed(status: AssetStatus, now: datetime) -> str:
    """Which audit of readers' data failed, when, and by which checks."""
    audit = f"the audit of what readers see failed in run {status.failed_audit}"
    found = next((one for one in status.symptoms if one.text.startswith(audit)), None)
    if found is None or found.since is None:
        return audit
    return found.text.replace(audit, f"{audit} {age(found.since, now)} ago")


def _status_record(status: AssetStatus) -> tuple[str, ...]:
    return (
        str(status.asset),
        str(status.state),
        str(status.health),
        "" if status.snapshot_id is None else str(status.snapshot_id),
        "" if status.rows is None else str(status.rows),
        status.published_at.isoformat() if status.published_at else "",
        " ".join(status.held),
        "; ".join(status.reasons),
        "; ".join(symptom.text for symptom in status.symptoms),
    )


def _tree(node: LineageNode, label: Label, prefix: str = "", below: str = "") -> Iterator[Text]:
    name = (str(node.status.asset), (f"  {node.kind}" if _is_star(node) else "", "dim"), "  ")
    yield line((prefix, "dim"), *name, label(node), _sources(node), _dimensions(node), _repeat(node))
    last = len(node.upstreams) + len(node.externals) - 1
    for place, upstream in enumerate(node.upstreams):
        branch, trunk = _LAST if place == last else _ONE_OF_SEVERAL
        yield from _tree(upstream, label, below + branch, below + trunk)
    for place, use in enumerate(node.externals, len(node.upstreams)):
        branch, _ = _LAST if place == last else _ONE_OF_SEVERAL
        yield line((below + branch, "dim"), str(use.key), "  ", external_label(use))


def _sources(node: LineageNode) -> Text:
    return line((f"   ← {', '.join(node.sources)}", "dim")) if node.sources else Text()


def _dimensions(node: LineageNode) -> Text:
    keys = ", ".join(map(str, node.dimensions))
    return line((f"   foreign keys → {keys}", "dim")) if keys else Text()


def _is_star(node: LineageNode) -> bool:
    """Is it a fact or a dimension? Gold that declares neither is a mart, which needs no mention."""
    return node.kind in (AssetKind.FACT, AssetKind.DIMENSION)


def _repeat(node: LineageNode) -> Text:
    return line(("   (its upstreams stand above)", "dim")) if node.repeated else Text()


def _edges(node: LineageNode) -> Iterator[tuple[str, ...]]:
    for source in node.sources:
        yield str(node.status.asset), source
    for use in node.externals:
        yield str(node.status.asset), str(use.key)
    for upstream in node.upstreams:
        yield str(node.status.asset), str(upstream.status.asset)
        yield from _edges(upstream)
