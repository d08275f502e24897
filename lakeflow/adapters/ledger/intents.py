"""Intents as rows: what is needed to record them later stands in one text, exactly as the ledger would store it."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.ledger import rows, statements
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.intents.intent import Forgotten, HandedOver, Intent, Intents, NameNote, Note, Repinned, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model import changes
from lakeflow.core.model.changes import Change, Registration
from lakeflow.core.model.run import RunRecord, StepRecord, VerdictRecord
from lakeflow.core.model.table import Pinned
from lakeflow.core.ports.database import Connection, Row

_KINDS: Final[Mapping[str, Any]] = {
    kind.__name__: kind
    for kind in (
        *(changes.Publish, changes.Discard, changes.Rollback, changes.Pin, changes.Stay, changes.Tag, changes.Untag),
        *(changes.Adopt, changes.Rename, changes.Drop, changes.Promote, changes.LetGo, changes.Retract),
    )
}


def make(connection: Connection, intent: Intent, at: str) -> None:
    connection.execute(
        statements.MAKE_INTENT, {"id": intent.id, "token": intent.token, "at": at, "content": written(intent)}
    )


def settle(connection: Connection, intent: Intent, outcome: str) -> bool:
    """Record how the intent ended; False when somebody did already."""
    return bool(connection.execute(statements.SETTLE_INTENT, {"id": intent.id, "outcome": outcome}).rowcount == 1)


def standing(connection: Connection) -> Intents:
    found = connection.execute(statements.OPEN_INTENTS).all()
    last = int(connection.execute(statements.LAST_INTENT).scalar_one())
    return Intents(last, tuple(read(row.id, row.token, row.content) for row in found))


def written(intent: Intent) -> str:
    """The changes and notes of the intent as one text."""
    return json.dumps(
        {
            "changes": [_change(change) for change in intent.changes],
            "notes": [_note(note) for note in intent.notes],
            "seen": {str(key): place for key, place in intent.seen.items()},
            "environment": intent.environment,
        }
    )


def read(id_: str, token: str, content: str) -> Intent:
    """The intent as it was made."""
    said = json.loads(content)
    return Intent(
        id_,
        token,
        tuple(_read_change(one) for one in said["changes"]),
        tuple(_read_note(one) for one in said["notes"]),
        {AssetKey.parse(name): place for name, place in said["seen"].items()},
        said.get("environment", ""),  # an older release had none on such a catalog
    )


def _change(change: Change | Registration) -> dict[str, Any]:
    kind = type(change).__name__
    return {"kind": kind, "said": _model(kind).dump_python(change, mode="json")}


def _read_change(said: Mapping[str, Any]) -> Change | Registration:
    # An older release left the uuid out where a table gets or loses a name.
    made: Change | Registration = _model(said["kind"]).validate_python({"uuid": "", **said["said"]})
    return made


def _model(kind: str) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - few intents are left for another process

    return TypeAdapter(_KINDS[kind])


def _note(note: Note) -> dict[str, Any]:
    match note:
        case RunNote(run, verdicts):
            steps = [
                {
                    "row": rows.step_row(run.id, at, step),
                    "checks": [_check(run, step, nth) for nth in range(len(step.checks))],
                }
                for at, step in enumerate(run.steps)
            ]
            return {"run": rows.run_row(run), "steps": steps, "verdicts": [rows.verdict_row(one) for one in verdicts]}
        case NameNote(old, new):
            return {"old": str(old), "new": str(new)}
        case Dropped():
            return {"dropped": rows.dropped_row(note)}
        case HandedOver(environment, verdicts, pins):
            said = [rows.verdict_row(one) for one in verdicts]
            return {"handed": environment, "verdicts": said, "pins": _pins(pins)}
        case Repinned(environment, pins):
            return {"repinned": environment, "pins": _pins(pins)}
        case Forgotten(environment):
            return {"forgotten": environment}


def _pins(pins: Mapping[AssetKey, Pinned]) -> dict[str, Any]:
    return {str(key): [pin.uuid, pin.snapshot_id] for key, pin in pins.items()}


def _check(run: RunRecord, step: StepRecord, nth: int) -> dict[str, Any]:
    return rows.check_row(run.id, step, nth)


def _read_note(said: Mapping[str, Any]) -> Note:
    if "old" in said:
        return NameNote(AssetKey.parse(said["old"]), AssetKey.parse(said["new"]))
    if "dropped" in said:
        return rows.dropped(_row(said["dropped"]))
    if "handed" in said:
        return HandedOver(said["handed"], _read_verdicts(said), _read_pins(said))
    if "repinned" in said:
        return Repinned(said["repinned"], _read_pins(said))
    if "forgotten" in said:
        return Forgotten(said["forgotten"])
    steps = (rows.step(_row(one["row"]), tuple(map(rows.check, map(_row, one["checks"])))) for one in said["steps"])
    return RunNote(rows.run(_row(said["run"]), tuple(steps)), _read_verdicts(said))


def _read_pins(said: Mapping[str, Any]) -> dict[AssetKey, Pinned]:
    return {AssetKey.parse(name): Pinned(*pin) for name, pin in said["pins"].items()}


def _read_verdicts(said: Mapping[str, Any]) -> tuple[VerdictRecord, ...]:
    return tuple(map(rows.verdict, map(_row, said["verdicts"])))


def _row(said: Mapping[str, Any]) -> Row:
    """What the database would give back for a row with these values."""
    return namedtuple("Row", said)(**said)
