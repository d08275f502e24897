"""What a promote did, or would do, as a screen."""

from __future__ import annotations

from collections.abc import Iterator

from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.environments.promotion import Promotion, Ready
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted


def promotion_screen(found: Promotion, run: str | None, *, planned: bool) -> Text:
    """`run` published what is ready; None: nothing was published. `planned`: it would only be."""
    rows = [
        *(_ready(one) for one in found.ready),
        *(
            _left(Mark.MOVED, str(key), f"built again first: {why}" if planned else why)
            for key, why in found.behind.items()
        ),
        *(_left(Mark.BAD, str(key), f"stays in {found.name}: {why}") for key, why in found.held.items()),
    ]
    if not rows:
        return line(f"{found.name} has nothing that main does not have")
    return screen(align(rows), [line(_total(found, run, planned=planned))], list(_next(found, run, planned=planned)))


def promotion_records(found: Promotion) -> Records:
    header = ("asset", "base", "snapshot_id", "rows", "state", "why")
    ready = [
        (
            str(one.asset),
            str(one.base or ""),
            str(one.snapshot_id),
            "" if one.rows is None else str(one.rows),
            "confirmed" if one.is_confirmed else "ready",
            "",
        )
        for one in found.ready
    ]
    behind = [(str(key), "", "", "", "behind", why) for key, why in found.behind.items()]
    held = [(str(key), "", "", "", "held", why) for key, why in found.held.items()]
    return header, [*ready, *behind, *held]


def _ready(one: Ready) -> list[Text]:
    base = "nothing" if one.base is None else short_id(one.base)
    moves = f"{base} stays, and is confirmed" if one.is_confirmed else f"{base} → {short_id(one.snapshot_id)}"
    rows = "" if one.rows is None else counted(one.rows, "row")
    return [line(Mark.SAME if one.is_confirmed else Mark.OK), line(str(one.asset)), line(moves), line(rows)]


def _left(mark: Mark, asset: str, words: str) -> list[Text]:
    return [line(mark), line(asset), line(words), line()]


def _total(found: Promotion, run: str | None, *, planned: bool) -> str:
    assets, unread = counted(len(found.ready), "asset"), counted(found.rows_not_read, "row")
    if planned:
        return f"{assets} to become main as audited, {unread} not read"
    if run is None:
        return "Nothing was published"
    return f"Run {run} published {assets} as audited in {found.name}, {unread} not read"


def _next(found: Promotion, run: str | None, *, planned: bool) -> Iterator[Text]:
    if planned:
        yield line(f"Next      `lakeflow env promote {found.name}` does it")
    elif found.held or found.behind:
        yield line(f"Next      `lakeflow status --env {found.name}` says how it stands there")
    elif run:
        yield line(f"Next      `lakeflow env drop {found.name}` removes what is left of it")
