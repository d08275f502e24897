"""Does what stands in the tables agree with what was audited, and with the ledger? Table by table; nothing changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import UNPUBLISHED_ENDS, Ruling, RunRecord
from lakeflow.core.model.table import Looked
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.verify.files import file_faults, unrecorded
from lakeflow.core.verify.ledger import disagreements
from lakeflow.core.verify.proofs import moves, proven, unproven
from lakeflow.core.verify.values import (
    Books,
    Depth,
    Forced,
    Remark,
    RemarkKind,
    Testimony,
    Verification,
    VerifiedTable,
    history_of,
)
from lakeflow.core.view.consistency import Evidence, unmatched
from lakeflow.wap.ports import World


def verify(world: World, keys: Sequence[AssetKey] | None, depth: Depth) -> Verification:
    """Verify these tables, or all of the catalog, also those that no asset defines any more.

    One table at a time is held in memory. A table that cannot be read is a remark, and the others are verified.
    """
    looked = world.catalog.look(world.catalog.keys() if keys is None else keys)
    lost = world.ledger.lost() or _emptied(world, looked)
    remarks = [*_of_ledger(lost), *_unreadable(looked)]
    tables: list[VerifiedTable] = []
    forced: list[Forced] = []
    for key, table in sorted(looked.tables.items()):
        try:
            witness = world.witness(table, depth)
        except LakeflowError as error:
            remarks.append(_unread(key, error))
            continue
        books = Books(world.ledger.verdicts((key,)).get(key, ())) if lost else _books(world, witness)
        remarks += _judged(witness, books, has_ledger=not lost)
        remarks += _keys(world, witness) if depth is Depth.CONTENT else ()
        tables.append(_verified(witness))
        forced += [said.as_forced(key) for said in proven(witness).values() if said.ruling is Ruling.FORCED]
    remarks += [] if lost else _of_catalog(world, keys, looked)
    return Verification(tuple(tables), tuple(remarks), tuple(forced), depth is Depth.CONTENT, has_ledger=not lost)


def _judged(witness: Testimony, books: Books, *, has_ledger: bool) -> Iterator[Remark]:
    yield from unproven(witness, books)
    # What lies beside a table tells who saw its snapshots, and no rollback.
    yield from moves(witness, books if has_ledger else Books())
    yield from file_faults(witness)
    yield from disagreements(witness, books) if has_ledger else ()
    yield from unrecorded(witness)


def _keys(world: World, witness: Testimony) -> Iterator[Remark]:
    """What readers see holds each key once, and none without a part, where today's key is the one that was audited."""
    table, head = witness.table, witness.table.published
    asset = world.project.assets.get(table.key)
    said = proven(witness).get(head.id) if head else None
    if asset is None or head is None or said is None or not asset.row_key or said.ruling is Ruling.FORCED:
        return
    if said.words["code_version"] != asset.code_version or witness.stock.missing or witness.stock.damaged:
        return
    try:
        sound = world.engine.is_key(world.catalog.scan(table, head.id), asset.row_key)
    except LakeflowError as error:
        words = f"{short_id(head.id)}: its key cannot be read: {error.message}"
        yield Remark(RemarkKind.CONTENT, table.key, words, (head.id,), hint=error.hint or "")
        return
    if not sound:
        words = f"{short_id(head.id)}: ({', '.join(asset.row_key)}) is no key: a value is missing or occurs twice"
        yield Remark(
            RemarkKind.CONTENT, table.key, words, (head.id,), hint=f"`lakeflow audit {table.key}` names the rows"
        )


def _verified(witness: Testimony) -> VerifiedTable:
    table, stock = witness.table, witness.stock
    history = history_of(table)
    gone = {id_ for _, id_ in table.log} - table.snapshots.keys()
    return VerifiedTable(
        table.key, len(history), len(proven(witness)), len(gone), stock.files, stock.read, stock.unknown
    )


def _books(world: World, witness: Testimony) -> Books:
    key = witness.table.key
    names = {str(said.words["run"]) for said in proven(witness).values()}
    runs = {name: found for name in names if (found := _run(world, name))}
    return Books(world.ledger.verdicts((key,)).get(key, ()), runs)


def _run(world: World, run: str) -> RunRecord | None:
    try:
        found = world.ledger.run(run)
    except UsageError:
        return None
    return found if found.id == run else None


def _emptied(world: World, looked: Looked) -> tuple[str, ...]:
    """A ledger without any run beside published tables was lost as well, and its tables were made anew since."""
    published = any(table.main is not None for table in looked.tables.values())
    recorded = world.ledger.states() or any(world.ledger.verdicts(looked.tables).values())
    return () if recorded or not published else ("all rows",)


def _of_ledger(lost: Sequence[str]) -> Iterator[Remark]:
    if lost:
        words = f"the ledger is lost ({', '.join(lost)}): the proofs alone are judged"
        hint = "`lakeflow doctor --rebuild-ledger` gives it back what the tables know"
        yield Remark(RemarkKind.LEDGER_LOST, None, words, hint=hint)


def _unreadable(looked: Looked) -> Iterator[Remark]:
    for key, error in sorted(looked.broken.items()):
        yield _unread(key, error)


def _unread(key: AssetKey, error: LakeflowError) -> Remark:
    return Remark(RemarkKind.UNREADABLE, key, error.message.removeprefix(f"{key}: "), hint=error.hint or "")


def _of_catalog(world: World, keys: Sequence[AssetKey] | None, looked: Looked) -> Iterator[Remark]:
    """Records of the ledger that no ref and no table of the catalog answers to."""
    states = world.ledger.states()
    evidence = Evidence(
        tables=looked.tables,
        states=states,
        open_runs=[world.ledger.run(run) for run, state in sorted(states.items()) if state in UNPUBLISHED_ENDS],
        standing=world.ledger.standing(),
        verdicts=world.ledger.verdicts({*world.project.assets, *looked.tables} if keys is None else keys),
        unread=frozenset(looked.broken) if keys is None else world.catalog.keys() - looked.tables.keys(),
    )
    for found in unmatched(evidence):
        key = AssetKey.find(found.subject)
        if (keys is None or key in keys) and key not in looked.broken:
            yield Remark(RemarkKind.LEDGER, key, found.message, hint=found.hint)
