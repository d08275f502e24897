"""What would run, and why. Pure: facts go in, a plan comes out, and nothing is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from functools import cached_property

from lakeflow.core.contract.drift import Difference
from lakeflow.core.displayed import Displayed, aligned
from lakeflow.core.errors import SelectionError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, OnRewrite, Project
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import Action
from lakeflow.core.model.table import External
from lakeflow.core.plan.drift import drift_told
from lakeflow.core.plan.facts import Facts, Published, moved, taken_back
from lakeflow.core.plan.in_time.partition_steps import partition_reasons, partitions_of
from lakeflow.core.plan.in_time.partitions import Backfill, Pending
from lakeflow.core.plan.increments import Consumption, consumption
from lakeflow.core.plan.landing import Landing, landing_reasons, renaming_reasons, told
from lakeflow.core.plan.order import run_order
from lakeflow.core.plan.reasons import Cause, Reason, short_id
from lakeflow.core.plan.scd2_rebuilds import goes_on, is_dated_by_runs, ways_out
from lakeflow.core.plan.taken_out import Asked, as_asked, below, rebuilds
from lakeflow.core.plan.warnings import warnings
from lakeflow.core.time.timeline import EVER, Window
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted


@dataclass(frozen=True)
class Step:
    """One asset to write or to audit. `base_id` is main as planned on (None: never published).

    `partitions` are the partitions in time that the step builds, where the asset has a timeline. Where an upstream runs
    too, its new rows may add some that lie `within` that span of time. `drift` says how files that
    land differ from the table, and from what the asset declares.
    """

    asset: AssetKey
    action: Action
    reasons: tuple[Reason, ...]
    base_id: int | None = None
    upstreams: frozenset[AssetKey] = frozenset()
    partitions: tuple[Pending, ...] = ()
    within: Window = EVER
    drift: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Held:
    """A selected asset that has work, and that no run does again: run `run` has held it since then. `why` says it."""

    asset: AssetKey
    run: str
    since: datetime
    why: str


@dataclass(frozen=True)
class Plan(Displayed):
    """Steps in run order, an upper bound: one may end `unchanged` when its upstream does. `fresh` are the selected
    assets that need no step, `held` those whose work a run holds already; `total` counts the project's assets. `reads`
    says how many published rows each step reads.
    """

    steps: tuple[Step, ...]
    fresh: tuple[AssetKey, ...] = ()
    total: int = 0
    rows_to_read: int = 0
    warnings: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    reads: Mapping[AssetKey, int] = field(default=EMPTY, compare=False, repr=False)

    def __repr__(self) -> str:
        steps = [(str(step.asset), str(step.action), "; ".join(map(str, step.reasons))) for step in self.steps]
        held = [(str(one.asset), "held", one.why) for one in self.held]
        rows = [*steps, *held, *((str(key), "fresh", "") for key in self.fresh)]
        return "\n".join((self.headline, *([aligned(rows)] if rows else [])))

    @property
    def headline(self) -> str:
        """`3 to run, 1 held already, 1 unchanged; about 362,891 rows to read`."""
        held = f"{len(self.held)} held already, " if self.held else ""
        if not self.steps and held:
            return f"Nothing to run: {held}{len(self.fresh)} fresh"
        if not self.steps:
            return f"Nothing to do: {counted(len(self.fresh), 'asset')} fresh"
        reads = f"; about {counted(self.rows_to_read, 'row')} to read" if self.rows_to_read else ""
        return f"{len(self.steps)} to run, {held}{len(self.fresh)} unchanged{reads}"

    @property
    def selected(self) -> int:
        return len(self.steps) + len(self.fresh) + len(self.held)

    def step(self, key: AssetKey) -> Step | None:
        return next((step for step in self.steps if step.asset == key), None)


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is made of, and the steps that it has so far."""

    project: Project
    facts: Facts
    selected: tuple[AssetKey, ...]
    forced: bool
    refreshed: bool
    going_on: bool
    backfill: Backfill | None
    files: Asked = EMPTY
    running: dict[AssetKey, Step] = field(default_factory=dict)

    @cached_property
    def below(self) -> frozenset[AssetKey]:
        """The assets that are made from rows that go, because files are taken out."""
        return below(self.project, self.files)


def plan(  # noqa: PLR0913 - the words of the command line
    project: Project,
    facts: Facts,
    selected: Sequence[AssetKey],
    *,
    forced: bool = False,
    refreshed: bool = False,
    going_on: bool = False,
    backfill: Backfill | None = None,
    files: Asked = EMPTY,
) -> Plan:
    """Steps for the selected assets, in dependency order, each with its reasons.

    1. An asset is written where it was never built, its code, its inputs or its files are others than those of main,
       partitions of it are missing or outdated, or somebody asks for it.
    2. Else it is audited where its checks, or what they refer to, changed, or where another engine wrote to it.
    3. Else it is fresh. An upstream that runs counts as an input that moves, so the order matters: upstreams first.

    `forced` runs fresh assets too. `refreshed` rebuilds every asset from nothing. `going_on` merges with what stands,
    where an asset would otherwise be rebuilt or wait. An asset with partitions in time builds those of `backfill`, or
    without a backfill all that are missing or outdated. `files` says which landed files a person takes out or lets land
    again; what is made from rows that go loses them too.

    SelectionError when an upstream was never built and is not selected.
    """
    asked = PlanRequest(project, facts, run_order(project, selected), forced, refreshed, going_on, backfill, files)
    # In run order: whether an upstream runs is a reason for those behind it.
    for key in asked.selected:
        _require_upstreams(asked, key)
        if step := _step(asked, key):
            asked.running[key] = step
    steps = tuple(asked.running.values())
    reads = {step.asset: rows_read(asked, step) for step in steps}
    return Plan(
        steps=steps,
        fresh=tuple(key for key in asked.selected if key not in asked.running),
        total=len(project.assets),
        rows_to_read=sum(reads.values()),
        warnings=tuple(warnings(asked, steps)),
        reads=reads,
    )


def _require_upstreams(asked: PlanRequest, key: AssetKey) -> None:
    for upstream in sorted(asked.project.assets[key].upstreams):
        table = asked.facts.tables.get(upstream)
        if upstream in asked.facts.broken:
            continue  # what is wrong with it is said where it is needed
        if upstream not in asked.running and (table is None or table.main is None):
            raise SelectionError(
                f"{key} reads {upstream}, which was never built and is not selected",
                hint=f"select it too: `+{key}`",
                asset=key,
            )


def _step(asked: PlanRequest, key: AssetKey) -> Step | None:
    asset = asked.project.assets[key]
    stands = asked.facts.stands(key)
    if (owner := owner_of(key)) is not None:
        return _quarantine_step(asked, key, owner, stands)
    if key in asked.facts.broken:
        # Planned all the same, so that the run says what is wrong with it and publishes the rest.
        broken = Reason(Cause.BROKEN, after=asked.facts.broken[key].message)
        return Step(key, Action.WRITE, (broken,), stands.snapshot.id if stands else None)
    partitions = partitions_of(asked, asset)
    if asset.timeline is None:
        to_write = _reasons_to_write(asked, asset, stands)
    else:
        to_write = partition_reasons(asked, asset, partitions)
    to_audit = _reasons_to_audit(asked, asset, stands) if stands else []
    if not to_write:
        # A step that writes is audited anyway, with what its checks refer to.
        to_audit += _running_references(asked, asset)
    if not to_write and not to_audit:
        return None
    if to_write and (skipped := asked.facts.landings.get(key, Landing()).skipped):
        to_write.append(Reason(Cause.FILES_SKIPPED, after=told(skipped)))
    # Reasons to audit stay beside those to write: a step may turn out to have nothing to write.
    action = Action.WRITE if to_write else Action.AUDIT
    upstreams = frozenset(asset.upstreams & asked.running.keys())
    base = stands.snapshot.id if stands else None
    within = asked.backfill.window if asked.backfill else EVER
    landing = asked.facts.landings.get(key, Landing())
    drift = drift_told(asset, landing, asked.facts.tables.get(key)) if action is Action.WRITE else ()
    return Step(key, action, (*to_write, *to_audit), base, upstreams, partitions, within, drift)


def _quarantine_step(asked: PlanRequest, key: AssetKey, owner: AssetKey, stands: Published | None) -> Step | None:
    """A quarantine is written only by the write of its owner, and it is renamed with its owner."""
    step, base = asked.running.get(owner), stands.snapshot.id if stands else None
    renamed = [Reason(Cause.RENAMED, upstream=old)] if (old := asked.facts.renames.get(key)) else []
    if step is not None and step.action is Action.WRITE:
        new = _never_built(asked, key) if stands is None else Reason(Cause.UPSTREAM_RUNS, upstream=owner)
        reasons = (new, *renamed)
        return Step(key, Action.WRITE, reasons, base, frozenset({owner}))
    return Step(key, Action.AUDIT, tuple(renamed), base) if renamed and base is not None else None


def _never_built(asked: PlanRequest, key: AssetKey) -> Reason:
    """Readers see nothing of it: it never was published, or its first publish was taken back."""
    back = taken_back(asked.facts.tables.get(key), asked.facts.verdicts.get(key, ()))
    return Reason(Cause.NEVER_BUILT, after=back)


def _reasons_to_write(asked: PlanRequest, asset: Asset, stands: Published | None) -> list[Reason]:
    if stands is None:
        return [_never_built(asked, asset.key)]
    reasons = list(asked.files.get(asset.key, ()))
    if asset.key in asked.below:
        reasons += rebuilds(asked.project, asset, stands, refreshed=asked.refreshed)
    elif asked.refreshed and not asked.files:
        reasons.append(Reason(Cause.FULL_REFRESH, rows=stands.snapshot.rows))
    if asked.forced:
        reasons.append(Reason(Cause.FORCED))
    made_by = asked.facts.made_by(stands)
    if made_by != asset.code_version and not _only_rekeyed(asked, asset):
        reasons.append(Reason(Cause.CODE_CHANGED, before=made_by[:6], after=asset.code_version[:6]))
        reasons += _after_change(asked, asset, stands)
    if stands.turns is not None and stands.turns <= asked.facts.now:
        reasons.append(Reason(Cause.TURNS, after=stands.turns.isoformat(timespec="seconds")))
    if asset.new_rows:
        return [*reasons, *_increment_reasons(asked, asset, stands)]
    is_root = not asset.upstreams and not asset.external
    reasons += _source_reasons(asked, asset, stands) if is_root else _input_reasons(asked, asset, stands)
    return [*reasons, *_external_reasons(asked, asset, stands)]


def _only_rekeyed(asked: PlanRequest, asset: Asset) -> bool:
    """A new key alone asks for an audit, not for a write, where the key does not decide which rows are written."""
    rekeyed = asked.facts.rekeyed.get(asset.key)
    return rekeyed is not None and rekeyed.alone and not asset.write.traits.merges


def _after_change(asked: PlanRequest, asset: Asset, stands: Published) -> list[Reason]:
    """Where the author forbids a rebuild, changed code holds only for rows that are yet to come."""
    why = "its code changed"
    if not asset.new_rows:
        return []
    if asset.on_rewrite is OnRewrite.REBUILD:
        return [_rebuild(asked, asset, stands, why)]
    return [Reason(Cause.GOES_ON, after=goes_on(asset, stands, why))] if asked.going_on else []


def _rebuild(asked: PlanRequest, asset: Asset, stands: Published, why: str) -> Reason:
    """Why an incremental asset must be rebuilt. It holds what its code makes of all rows, so changed code rebuilds it,
    unless its author forbids that, or a rebuild could not restore what stands there.
    """
    if asked.refreshed:
        return Reason(Cause.REBUILD, after=why)
    if asked.going_on and asset.write.traits.merges:
        return Reason(Cause.GOES_ON, after=goes_on(asset, stands, why))
    if asset.on_rewrite is OnRewrite.HOLD or is_dated_by_runs(asset):
        return Reason(Cause.WAITS, after=f"{why}; {ways_out(asset, stands)}")
    return Reason(Cause.REBUILD, after=why)


def _increment_reasons(asked: PlanRequest, asset: Asset, stands: Published) -> Iterator[Reason]:
    """Only incremental inputs ask for a run. The other inputs are read as they are when new rows come."""
    for upstream in sorted(asset.new_rows):
        if _will_be_written(asked, upstream):
            yield Reason(Cause.UPSTREAM_RUNS, upstream=upstream)
    came = _consumption(asked, asset)
    if came.rebuild:
        yield _rebuild(asked, asset, stands, came.rebuild)
    for upstream, increment in came.increments.items():
        if increment.appends:
            since, head = short_id(increment.since), short_id(increment.head)
            yield Reason(Cause.NEW_ROWS, upstream, since, head, increment.rows)


def _consumption(asked: PlanRequest, asset: Asset) -> Consumption:
    known = {key: table for key in asset.new_rows if (table := asked.facts.tables.get(key))}
    heads = {key: table.main for key, table in known.items() if table.main is not None}
    return consumption(asset, asked.facts.tables.get(asset.key), known, heads)


def _source_reasons(asked: PlanRequest, asset: Asset, stands: Published) -> list[Reason]:
    if asset.files is not None:
        found = asked.facts.landings.get(asset.key, Landing())
        landing = landing_reasons(as_asked(found, asked.files.get(asset.key, ()), asset.files.once))
        return [*landing, *renaming_reasons(asked.facts.tables.get(asset.key))]
    if not asset.reads:
        return [Reason(Cause.NO_FINGERPRINT)]
    now = asked.facts.reads_digests.get(asset.key, "")
    return (
        []
        if now == stands.reads_digest
        else [Reason(Cause.FILES_CHANGED, before=stands.reads_digest[:6], after=now[:6])]
    )


def _input_reasons(asked: PlanRequest, asset: Asset, stands: Published) -> list[Reason]:
    """The reasons that the inputs give. An upstream step of this plan may yet end unchanged, so an input that has moved
    already is a reason of its own.
    """
    reasons = []
    for upstream in sorted(asset.upstreams):
        if _will_be_written(asked, upstream):
            reasons.append(Reason(Cause.UPSTREAM_RUNS, upstream=upstream))
        since, table = stands.inputs.get(str(upstream)), asked.facts.tables.get(upstream)
        if since is None or table is None:
            continue  # a new input is a code change and was reported as one
        if shift := moved(table, since):
            head, rows = shift
            reasons.append(Reason(Cause.INPUT_MOVED, upstream, short_id(since), short_id(head.id), rows))
    return reasons


def _external_reasons(asked: PlanRequest, asset: Asset, stands: Published) -> Iterator[Reason]:
    for key in sorted(asset.external):
        found, since = asked.facts.externals.get(key, External()), stands.inputs.get(str(key))
        if found.table is None or found.main is None:
            yield Reason(Cause.INPUT_UNREADABLE, upstream=key, after=found.fault)
        elif since is not None and (shift := moved(found.table, since)):
            head, rows = shift
            yield Reason(Cause.INPUT_MOVED, key, short_id(since), short_id(head.id), rows)


def _reasons_to_audit(asked: PlanRequest, asset: Asset, stands: Published) -> list[Reason]:
    reasons = []
    if foreign := stands.foreign:
        rows, what = foreign.added_rows - foreign.deleted_rows, f"{short_id(foreign.id)} {foreign.operation}"
        reasons.append(Reason(Cause.FOREIGN, after=what, rows=rows))
    if old := asked.facts.renames.get(asset.key):
        reasons.append(Reason(Cause.RENAMED, upstream=old))
    if rekeyed := asked.facts.rekeyed.get(asset.key):
        before, after = ", ".join(rekeyed.before), ", ".join(asset.primary_key)
        reasons.append(Reason(Cause.KEY_CHANGED, before=before, after=after))
    digest = asked.project.suite(asset.key).digest
    if stands.checks_digest != digest:
        reasons.append(Reason(Cause.CHECK_CHANGED, before=stands.checks_digest[:6], after=digest[:6]))
    return [*reasons, *_moved_references(asked, asset, stands)]


def _references(asked: PlanRequest, asset: Asset) -> list[AssetKey]:
    """The tables that the asset's checks read, without its inputs: for those, `_input_reasons` says that they moved."""
    return sorted(asked.project.suite(asset.key).references - asset.upstreams - {asset.key})


def _moved_references(asked: PlanRequest, asset: Asset, stands: Published) -> Iterator[Reason]:
    """Reasons to audit again because a table that the checks read has moved: a dimension that lost a row may break a
    fact.
    """
    for key in _references(asked, asset):
        since, table = stands.looked_at.get(str(key)), asked.facts.tables.get(key)
        if since is not None and table is not None and (shift := moved(table, since)):
            yield Reason(Cause.REFERENCE_MOVED, key, short_id(since), short_id(shift[0].id), shift[1])


def _running_references(asked: PlanRequest, asset: Asset) -> list[Reason]:
    """The tables that the checks read and that this plan writes. A check refers only to what runs before it."""
    written = (key for key in _references(asked, asset) if _will_be_written(asked, key))
    return [Reason(Cause.REFERENCE_RUNS, upstream=key) for key in written]


def _will_be_written(asked: PlanRequest, key: AssetKey) -> bool:
    """Will this plan write the table? One that cannot be read is not written, so no asset is rebuilt because of it."""
    step = asked.running.get(key)
    return step is not None and step.action is Action.WRITE and key not in asked.facts.broken


def rows_read(asked: PlanRequest, step: Step) -> int:
    """How many published rows the step reads: of incremental inputs the new ones, of the others all. What an upstream
    of this plan will write is not known yet.
    """
    asset, facts = asked.project.assets[step.asset], asked.facts
    anew = {reason.cause for reason in step.reasons} & {Cause.FULL_REFRESH, Cause.REBUILD}
    came = {} if anew else _consumption(asked, asset).increments
    new = {key: increment for key, increment in came.items() if key not in asset.new_keys}
    ours = (facts.tables.get(upstream) for upstream in asset.upstreams - new.keys())
    theirs = (facts.externals[key].table for key in asset.external if key in facts.externals)
    all_of = sum(table.published.rows or 0 for table in (*ours, *theirs) if table and table.published)
    return all_of + sum(increment.rows for increment in new.values())
