"""Proposes checks from what was audited before, and tries each of them on all of it. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome, Suite
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan, Snapshot, Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.suggest.profile import (
    ColumnProfile,
    Key,
    Profile,
    SeenSnapshot,
    Span,
    Want,
    Wants,
    answered,
    kind_of,
)
from lakeflow.core.suggest.proposal import Proposal
from lakeflow.core.suggest.propose import Subject, propose
from lakeflow.core.suggest.standing import standing
from lakeflow.core.suggest.suggestion import Suggestion, TriedSnapshot, audited, kept, own_file
from lakeflow.core.suggest.text import new_file
from lakeflow.core.view.audited.audits import head_of, published_lately
from lakeflow.core.view.history import predecessor
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.look.audits.audit import AuditTarget, audited_now
from lakeflow.wap.ports import World

_MANY: Final = 10_000
_NO_SUITE: Final = "suggested"


def suggest(world: World, key: AssetKey, last: int) -> Suggestion:
    """Checks for an asset that its last audited snapshots pass, and that its checks do not say yet.

    UsageError where nothing of it was published by an audit, for a quarantine, and where its check file cannot be read.
    """
    if (owner := owner_of(key)) is not None:
        raise UsageError(f"{key} is checked with {owner}", hint=f"`lakeflow suggest {owner}`", asset=key)
    table = world.catalog.load([key]).get(key)
    verdicts = world.ledger.verdicts([key]).get(key, ())
    snapshots = audited(published_lately(table, _MANY), verdicts, table, last) if table else ()
    if table is None or not snapshots:
        raise UsageError(
            f"nothing of {key} was published by an audit", hint=f"`lakeflow materialize +{key}` builds it", asset=key
        )
    suite = world.project.suite(key)
    subject = _subject(world, table, snapshots, suite)
    history = _look(world, table, snapshots, subject)
    proposals, dropped = _tried(world, table, snapshots, propose(subject, history))
    own = own_file(key, suite)
    return Suggestion(
        asset=key,
        path=own.path if own else f"checks/{key.layer}/{key.name}.py",
        history=tuple(TriedSnapshot(seen.snapshot_id, seen.committed_at, seen.rows) for seen in history),
        proposals=kept(proposals),
        dropped=dropped,
        stands=own.text if own else None,
    )


def _subject(world: World, table: Table, snapshots: Sequence[Snapshot], suite: Suite) -> Subject:
    """What is known of the asset beside its rows. Columns that not every snapshot has, in their type, are left out."""
    asset, newest = world.project.assets[table.key], table.schema_of(snapshots[0].id)
    older = [table.schema_of(each.id) for each in snapshots[1:]]
    common = Schema(
        tuple(field for field in newest.fields if all(_has(schema, field.name, field.id) for schema in older))
    )
    hidden = hidden_columns(world.project, asset) | asset.masks.keys()
    checks = (
        audited_now(world, table.key, [AuditTarget(table.key, snapshots[0].id)], suite)[0].checks if suite.files else ()
    )
    for check in checks:
        if check.outcome is Outcome.ERRORED and check.path == check.name:
            raise UsageError(
                f"{check.path} cannot be read: {check.detail}", hint="`lakeflow check --deep`", asset=table.key
            )
    return Subject(asset, common, frozenset(hidden), standing(checks, suite))


def _has(schema: Schema, name: str, id_: int) -> bool:
    """Is it the same column under the same name? A column that was widened is."""
    found = schema.find(name)
    return found is not None and found.id == id_ and found.name == name


def _look(world: World, table: Table, snapshots: Sequence[Snapshot], subject: Subject) -> tuple[SeenSnapshot, ...]:
    """The profiles of the snapshots, newest first. Of an older one only what the newer ones left open is asked."""
    wants, keys = subject.wants(), subject.possible_keys()
    found: list[SeenSnapshot] = []
    for snapshot in snapshots:
        scan = world.catalog.scan(table, snapshot.id)
        seen = _seen(world, table, snapshot, _profile(world, table, scan, (wants, keys, subject.span)))
        found.append(seen)
        wants = {name: wanted - _settled(seen.column(name)) for name, wanted in wants.items()}
    return tuple(found)


def _settled(column: ColumnProfile) -> frozenset[Want]:
    """What need not be asked again: there are too many values, or shapes, for anything to be said of them."""
    many = {Want.VALUES: column.values, Want.SHAPES: column.shapes}
    return frozenset(want for want, found in many.items() if found is None)


def _profile(world: World, table: Table, scan: Scan, asked: tuple[Wants, Sequence[Key], Span | None]) -> Profile:
    """What metadata tells for certain comes from there; the data is asked for the rest, if there is any."""
    wants, keys, span = asked
    told = world.catalog.statistics(table, scan.snapshot_id) if scan.snapshot_id is not None else None
    facts = told.columns if told else {}
    kinds = {field.name: kind_of(field.type) for field in scan.schema.fields}
    left = {name: wanted - answered(kinds[name], facts.get(name)) for name, wanted in wants.items()}
    found = world.engine.profile(scan, {name: wanted for name, wanted in left.items() if wanted}, keys, span)
    columns = {name: found.columns.get(name, ColumnProfile()) for name in wants}
    known = {
        name: each.with_facts(kinds[name], facts[name]) if name in facts else each for name, each in columns.items()
    }
    return replace(found, columns=known)


def _seen(world: World, table: Table, snapshot: Snapshot, profile: Profile) -> SeenSnapshot:
    """Ages are counted as audits count them: at the head of a ref to now, else to the commit."""
    before = predecessor(table, snapshot.id)
    stood = table.snapshots[before].rows if before is not None and before in table.snapshots else None
    ref = head_of(table, snapshot.id)
    at = world.clock() if ref and ref not in table.tags else snapshot.committed_at
    return SeenSnapshot(snapshot.id, snapshot.committed_at, at, snapshot.rows or 0, stood, profile)


def _tried(
    world: World, table: Table, snapshots: Sequence[Snapshot], proposals: tuple[Proposal, ...]
) -> tuple[tuple[Proposal, ...], tuple[tuple[str, str], ...]]:
    """Those that pass on each snapshot, newest first, and why the others do not. What was skipped everywhere passed
    nowhere.
    """
    left = [(each, False) for each in proposals]
    dropped = list[tuple[str, str]]()
    for snapshot in snapshots:
        if not left:
            break
        results = results_of(world, AuditTarget(table.key, snapshot.id), [each for each, _ in left])
        tried, left = zip(left, results, strict=True), []
        for (proposal, passed), result in tried:
            if result.outcome in {Outcome.FAILED, Outcome.ERRORED}:
                dropped.append((result.name, f"{result.outcome} on {short_id(snapshot.id)}"))
            else:
                left.append((replace(proposal, name=result.name), passed or result.outcome is Outcome.PASSED))
    dropped += [(each.name, "skipped on every snapshot") for each, passed in left if not passed]
    return tuple(each for each, passed in left if passed), tuple(dropped)


def results_of(world: World, target: AuditTarget, proposals: Sequence[Proposal]) -> tuple[CheckResult, ...]:
    """What an audit of the snapshot says of these checks, in their order."""
    file = suggested_file(target.asset, proposals)
    (found,) = audited_now(world, target.asset, [target], Suite((file,), _NO_SUITE))
    return tuple(check for check in found.checks if check.path == file.path)


def suggested_path(key: AssetKey) -> str:
    """The path by which the results of proposed checks are told from all others."""
    return f"suggested/{key}.py"


def suggested_file(key: AssetKey, proposals: Sequence[Proposal]) -> CheckFile:
    """The proposals as a check file that stands nowhere."""
    published = (key,) if any(each.against_main for each in proposals) else ()
    return CheckFile(CheckKind.SUITE, suggested_path(key), new_file(proposals), published=published)
