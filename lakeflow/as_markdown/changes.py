"""What a checkout changes against main or a commit, as parts of a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.as_markdown.page import Block, Weight, bounded, page
from lakeflow.as_markdown.text import Markdown, code, fold, joined, paragraph, said
from lakeflow.core.keys import AssetKey
from lakeflow.core.review.change import Change, ChangeEffect, Changes
from lakeflow.core.wording import counted

_NAMES = 30


def changes_markdown(found: Changes) -> str:
    """What `check --against` says, as a comment."""
    broken = len(found.breaking)
    others = len(found.changes) - broken
    title = (
        f"lakeflow check: {counted(broken, 'breaking change')}, {counted(others, 'other change')} against {found.other}"
    )
    where = paragraph(code(f"lakeflow check --against {found.other}"), " shows all of it.")
    return page(said(title), tuple(change_blocks(found)), where)


def change_blocks(found: Changes) -> Iterator[Block]:
    """What breaks, what else changes, and who is hit by it."""
    broken = [_row(each) for each in found.breaking]
    header = ("where", "what", "says", "to do")
    yield Block("What breaks", said("what breaks"), bounded(header, broken, "breaking changes"), Weight.BREAKS)
    others = [_row(each)[:3] for each in found.changes if each.effect is not ChangeEffect.BREAKING]
    table = bounded(header[:3], others, "changes")
    yield Block("What changes in the schema", said("other changes"), table, Weight.SCHEMA)
    yield Block("Downstream by column lineage", said("what is downstream"), _downstream(found), Weight.DOWNSTREAM)
    unknown = bounded(
        ("asset", "why"), [(code(str(key)), said(why)) for key, why in sorted(found.unknown.items())], "assets"
    )
    summary = said(f"{counted(len(found.unknown), 'asset')} whose columns only a run tells")
    yield Block("Downstream by column lineage", said("what is not known"), fold(summary, unknown), Weight.DETAIL)


def _row(each: Change) -> Sequence[Markdown]:
    place = code(f"{each.path}:{each.line}") if each.path else code(str(each.asset))
    return (place, said(str(each.kind)), said(each.says), said(each.hint))


def _downstream(found: Changes) -> Markdown:
    """By what the changes do: an asset below several stands where it is hit most."""
    order = list(ChangeEffect)
    worst: dict[AssetKey, ChangeEffect] = {}
    for each in found.downstream:
        worst[each.asset] = min(worst.get(each.asset, ChangeEffect.UNAFFECTED), each.effect, key=order.index)
    rows = []
    for effect in order:
        keys = sorted(key for key, one in worst.items() if one is effect)
        if keys:
            more = f" and {len(keys) - _NAMES:,} more" if len(keys) > _NAMES else ""
            named = paragraph(joined([code(str(key)) for key in keys[:_NAMES]]), more)
            rows.append((said(str(effect)), said(f"{len(keys):,}"), named))
    return bounded(("effect", "assets", "which"), rows, "effects", frozenset({1}))
