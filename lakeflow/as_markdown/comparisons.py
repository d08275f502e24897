"""How tables differ, as parts of a comment: columns, rows, and a few rows of each kind with personal values masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.as_markdown.page import Block, Weight, bounded, page
from lakeflow.as_markdown.text import Markdown, cell, code, fold, joined, paragraph, said
from lakeflow.core.compare.comparison import Comparison, Side
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import counted
from lakeflow.core.words import count, percent

_ROWS = "Rows and columns that change"
_SCHEMA = "Columns of tables"
_NUMBERS = frozenset(range(2, 7))
_WHERE = Markdown("`lakeflow diff ASSET` shows all of it.")


def comparisons_markdown(found: Sequence[Comparison]) -> str:
    """What `diff` says, as a comment."""
    changed = sum(one.changes for one in found)
    title = f"lakeflow diff: {changed} of {counted(len(found), 'table')} changed"
    return page(said(title), tuple(comparison_blocks(found)), _WHERE)


def comparison_blocks(found: Sequence[Comparison]) -> Iterator[Block]:
    """The numbers of all tables together, then each table that differs by itself."""
    if not found:
        return
    yield Block(_SCHEMA, said("how columns differ"), _schemas(found), Weight.SCHEMA)
    numbers = bounded(
        ("table", "states", "rows before", "after", "added", "removed", "changed"),
        [_numbers(one) for one in found],
        "tables",
        _NUMBERS,
    )
    yield Block(_ROWS, said("how many rows differ"), numbers, Weight.ROWS)
    for one in found:
        name = code(str(one.asset))
        summary = paragraph(name, f": {counted(len(one.columns), 'column')} with other values")
        yield Block(_ROWS, paragraph("columns of ", name), fold(summary, _columns(one)), Weight.ROWS)
    for one in found:
        yield from _samples(one)


def _schemas(found: Sequence[Comparison]) -> Markdown:
    rows: list[Sequence[Markdown]] = []
    for one in found:
        name, schema = code(str(one.asset)), one.schema
        rows += [(name, said("added"), code(each.name), said("–"), code(each.type)) for each in schema.added]
        rows += [(name, said("removed"), code(each.name), code(each.type), said("–")) for each in schema.removed]
        for each in schema.changed:
            before, after = each.before, each.after
            renamed = [code(before.name)] if before.name == after.name else [code(before.name), code(after.name)]
            what = "other type" if len(renamed) == 1 else "renamed"
            rows.append((name, said(what), joined(renamed, " → "), code(before.type), code(after.type)))
    return bounded(("table", "change", "column", "type before", "after"), rows, "changes of columns")


def _numbers(one: Comparison) -> Sequence[Markdown]:
    rows = one.rows
    changed = count(rows.changed) if one.key else "–"
    numbers = (count(rows.before), count(rows.after), count(rows.added), count(rows.removed), changed)
    return (code(str(one.asset)), paragraph(_called(one.before), " → ", _called(one.after)), *map(said, numbers))


def _called(side: Side) -> Markdown:
    if side.snapshot_id is None:
        return said("nothing")
    short = short_id(side.snapshot_id)
    if side.called == f"s{side.snapshot_id}":
        return code(short)
    return code(side.called) if short in side.called else paragraph(code(side.called), " ", code(short))


def _columns(one: Comparison) -> Markdown:
    rows = [
        (
            code(each.name),
            said(count(each.changed)),
            said(percent(each.changed, each.of)),
            said(f"{each.mean.before:.6g} → {each.mean.after:.6g}" if each.mean else ""),
        )
        for each in one.columns
    ]
    return bounded(("column", "rows with another value", "share", "mean of them"), rows, "columns", frozenset({1, 2}))


def _samples(one: Comparison) -> Iterator[Block]:
    shown, rows = one.samples, one.rows
    kinds = (
        ("changed", rows.changed, _side_by_side(one)),
        ("added", rows.added, shown.added),
        ("removed", rows.removed, shown.removed),
    )
    for what, number, few in kinds:
        if few.values:
            name = code(str(one.asset))
            of = "" if len(few.values) == number else f", {len(few.values)} of them"
            summary = paragraph(name, f": {counted(number, 'row')} {what}{of}")
            text = fold(summary, rows_table(few))
            yield Block(_ROWS, paragraph(f"rows {what} of ", name), text, Weight.SAMPLES)


def rows_table(rows: Rows) -> Markdown:
    header = tuple(code(name) for name in rows.columns)
    return bounded(header, [tuple(map(cell, values)) for values in rows.values], "rows")


def _side_by_side(one: Comparison) -> Rows:
    """The key and what changed, `before → after` where a value did."""
    before, after = one.samples.before, one.samples.after
    moved = {each.name for each in one.columns}
    places = [place for place, name in enumerate(after.columns) if name.lower() in one.key or name in moved]
    values = tuple(
        tuple(_moved(old[place], new[place]) for place in places)
        for old, new in zip(before.values, after.values, strict=True)
    )
    return Rows(tuple(after.columns[place] for place in places), values)


def _moved(before: str | None, after: str | None) -> str | None:
    if before == after:
        return after
    old, new = ("NULL" if text is None else _short(text) for text in (before, after))
    return f"{old} → {new}"


def _short(text: str) -> str:
    return text if len(text) <= 50 else text[:49] + "…"
