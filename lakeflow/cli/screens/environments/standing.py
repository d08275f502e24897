"""How environments stand, as screens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.environments.standing import EnvironmentStanding, OwnState
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import age, counted


def environments_screen(every: Sequence[EnvironmentStanding], now: datetime) -> Text:
    if not every:
        return line("No environments: `lakeflow materialize --env pr_123` makes one")
    return screen(align([_row(one, now) for one in every]))


def environment_screen(one: EnvironmentStanding, now: datetime) -> Text:
    head = align([_row(one, now)])
    rows = [*(_built(each) for each in one.built), *(_held(str(key)) for key in one.held)]
    moved = any(each.main_moved for each in one.built)
    hints = [line(f"Next      `lakeflow env refresh {one.name}` reads main as it is now")] if moved else []
    return screen(head, align(rows, indent=2) if rows else [], hints if one.is_recorded else _lost(one))


def environments_records(every: Sequence[EnvironmentStanding]) -> Records:
    header = ("environment", "asset", "base", "snapshot_id", "main_moved")
    return header, [
        (one.name, str(each.asset), str(each.base or ""), str(each.snapshot_id), str(each.main_moved).lower())
        for one in every
        for each in one.built
    ]


def _row(one: EnvironmentStanding, now: datetime) -> list[Text]:
    held = f", {counted(len(one.held), 'asset')} held" if one.held else ""
    return [
        line(Mark.BRANCH if one.is_recorded else Mark.WARN),
        line(one.name),
        line(f"{counted(len(one.built), 'asset')} built{held}"),
        line(f"used {age(one.used_at, now)} ago" if one.used_at else "not recorded"),
        line(_until(one, now)),
    ]


def _until(one: EnvironmentStanding, now: datetime) -> str:
    if one.ends_at is None:
        return ""
    return "`lakeflow gc --delete` removes it" if one.ends_at <= now else f"kept until {one.ends_at:%Y-%m-%d}"


def _built(each: OwnState) -> list[Text]:
    base = "nothing" if each.base is None else short_id(each.base)
    said = ("main has moved since", "yellow") if each.main_moved else ""
    rows = "" if each.rows is None else counted(each.rows, "row")
    return [
        line(Mark.MOVED if each.main_moved else Mark.CHANGED),
        line(str(each.asset)),
        line(f"{base} → {short_id(each.snapshot_id)}"),
        line(rows),
        line(said),
    ]


def _held(name: str) -> list[Text]:
    return [line(Mark.BAD), line(name), line(("held", "bold red")), line(), line()]


def _lost(one: EnvironmentStanding) -> list[Text]:
    return [line(f"Its record is lost: `lakeflow env drop {one.name}` removes what is left of it")]
