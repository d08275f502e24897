"""How a table differs between two of its states, as a screen: columns, rows, what changed in them, and a few rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.cli.screens.rows import WIDEST, grid
from lakeflow.cli.text import Text, align, clean, line, screen, shortened
from lakeflow.core.compare.columns import SchemaChange
from lakeflow.core.compare.comparison import ColumnChange, Comparison, Side
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted
from lakeflow.core.words import count, percent

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]
_COLUMNS = "columns"


def comparison_screen(found: Sequence[Comparison]) -> Text:
    """Each table as a block of lines, and the rows that are shown of it behind them."""
    return screen(*(block for one in found for block in (_head(one), *_samples(one))))


def comparison_blocks(one: Comparison) -> list[list[Text]]:
    """What differs, without a line that names the sides."""
    return [_head(one)[1:], *_samples(one)]


def comparison_records(found: Sequence[Comparison]) -> Records:
    """One record for each table."""
    numbers = ("before", "after", "added", "removed", "changed", "equal")
    names = ("columns_added", "columns_removed", "columns_changed", "values_changed")
    header = ("asset", "from", "to", *(f"rows_{each}" for each in numbers), *names)
    return header, [
        (
            str(one.asset),
            *("" if each.snapshot_id is None else str(each.snapshot_id) for each in (one.before, one.after)),
            *(str(getattr(one.rows, each)) for each in numbers),
            " ".join(field.name for field in one.schema.added),
            " ".join(field.name for field in one.schema.removed),
            " ".join(each.after.name for each in one.schema.changed),
            " ".join(f"{each.name}:{each.changed}" for each in one.columns),
        )
        for one in found
    ]


def _head(one: Comparison) -> list[Text]:
    between = line((str(one.asset), "bold"), f"  {_called(one.before)} → {_called(one.after)}")
    schema = [*_schema(one.schema)] or ["no change"]
    named = [("" if place else "schema", text) for place, text in enumerate(schema)]
    named.append(("rows", _rows(one)))
    lines = [line(f"{name:<{len(_COLUMNS)}}  {text}") for name, text in named]
    return [between, *lines, *_columns(one.columns)]


def _called(side: Side) -> str:
    if side.snapshot_id is None:
        return "nothing"
    short = short_id(side.snapshot_id)
    return side.called if short in side.called else f"{side.called} ({short})"


def _schema(change: SchemaChange) -> Iterator[str]:
    for field in change.added:
        yield f"+ {field.name} {field.type}"
    for field in change.removed:
        yield f"− {field.name} {field.type}"
    for each in change.changed:
        before, after = each.before, each.after
        renamed = before.name if before.name == after.name else f"{before.name} → {after.name}"
        retyped = after.type if before.type == after.type else f"{before.type} → {after.type}"
        yield f"~ {renamed} {retyped}"


def _rows(one: Comparison) -> str:
    rows = one.rows
    told = f"key: {', '.join(one.key)}" if one.key else "no key: rows are told apart by all their values"
    changed = f" ~{count(rows.changed)}" if one.key else ""
    moved = f"+{count(rows.added)} −{count(rows.removed)}{changed}"
    what = moved if rows.added or rows.removed or rows.changed else "no change"
    return f"{count(rows.before)} → {count(rows.after)}   {what}   ({told})"


def _columns(changes: Sequence[ColumnChange]) -> list[Text]:
    return align(
        (
            line(_COLUMNS if not place else " " * len(_COLUMNS)),
            line(each.name),
            line(f"~{count(each.changed)}"),
            line(percent(each.changed, each.of)),
            line(f"mean {each.mean.before:.6g} → {each.mean.after:.6g}" if each.mean else ""),
        )
        for place, each in enumerate(changes)
    )


def _samples(one: Comparison) -> Iterator[list[Text]]:
    shown = one.samples
    kinds = (
        ("changed", one.rows.changed, _side_by_side(one)),
        ("added", one.rows.added, shown.added),
        ("removed", one.rows.removed, shown.removed),
    )
    for what, number, rows in kinds:
        if rows.values:
            of = "" if len(rows.values) == number else f", {len(rows.values)} of them:"
            yield [line(f"{counted(number, 'row')} {what}{of}"), *grid(rows.columns, rows.values, indent=2)]


def _side_by_side(one: Comparison) -> Rows:
    """The key and what changed, `before → after` where a value did."""
    before, after = one.samples.before, one.samples.after
    moved = {each.name for each in one.columns}
    places = [place for place, name in enumerate(after.columns) if name.lower() in one.key or name in moved]
    pairs = zip(before.values, after.values, strict=True)
    values = tuple(tuple(_cell(old[place], new[place]) for place in places) for old, new in pairs)
    return Rows(tuple(after.columns[place] for place in places), values)


def _cell(before: str | None, after: str | None) -> str | None:
    if before == after:
        return after
    old, new = ("NULL" if text is None else shortened(clean(text), WIDEST // 2 - 2) for text in (before, after))
    return f"{old} → {new}"
