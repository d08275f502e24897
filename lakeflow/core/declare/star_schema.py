"""The laws of a star schema: what facts and dimensions declare, so that their grain and foreign keys can be audited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lakeflow.core.declare.descent import children_of, descendants
from lakeflow.core.declare.laws import AssetDraft
from lakeflow.core.errors import Fault
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import AssetKind
from lakeflow.core.model.check import ForeignKey
from lakeflow.core.wording import did_you_mean_asset

_AT: Final = "foreign_keys"


def star_faults(drafts: Sequence[AssetDraft], lost: frozenset[AssetKey] = frozenset()) -> list[Fault]:
    """Everything that breaks a law of stars, in no order. Assets with other faults are not judged."""
    known = {draft.key: draft for draft in drafts}
    children = children_of(drafts)
    faults = [fault for draft in drafts for fault in _alone(draft)]
    for draft in drafts:
        below = descendants(draft.key, children) if draft.declaration.foreign_keys else frozenset()
        for foreign in draft.declaration.foreign_keys:
            if foreign.dimension in below:
                hint = f"make {foreign.dimension} from what {draft.key} is made from"
                message = f"{draft.key} refers to {foreign.dimension}, which is made from it"
                faults.append(draft.fault(message, hint, _AT))
            elif foreign.dimension not in lost:
                faults += _target(draft, foreign, known)
    return faults


def _alone(draft: AssetDraft) -> Iterator[Fault]:
    declared, kind = draft.declaration, draft.declaration.kind
    at = "kind" if kind else _AT
    if draft.key.layer is not Layer.GOLD:
        if kind or declared.foreign_keys:
            hint = f"drop {at}, or move the asset to layers/gold/"
            yield draft.fault(f"{draft.key} is {draft.key.layer}, and only gold has facts and dimensions", hint, at)
        return
    if kind in (AssetKind.FACT, AssetKind.DIMENSION) and not declared.key:
        yield draft.fault(f"{draft.key} is a {kind} and declares no key", 'its grain is its key: key = ["id"]', at)
    if kind is AssetKind.FACT and not declared.foreign_keys:
        hint = 'name its dimensions: foreign_keys = {carrier = "gold.carriers.carrier"}'
        yield draft.fault(f"{draft.key} is a fact and has no foreign keys", hint, at)
    if kind in (None, AssetKind.MART) and declared.foreign_keys:
        hint = 'say kind = "fact" or kind = "dimension"'
        yield draft.fault(f"{draft.key} is a mart and has foreign keys", hint, _AT)


def _target(draft: AssetDraft, foreign: ForeignKey, known: Mapping[AssetKey, AssetDraft]) -> Iterator[Fault]:
    target = known.get(foreign.dimension)
    if target is None:
        hint = did_you_mean_asset(foreign.dimension, known, "no asset is defined yet by that name")
        yield draft.fault(f"{draft.key} refers to {foreign.dimension}, which is not defined", hint, _AT)
    elif target.declaration.kind is not AssetKind.DIMENSION:
        hint = f'say kind = "dimension" in {target.key}, or refer to another'
        yield draft.fault(f"{draft.key} refers to {target.key}, which is no dimension", hint, _AT)
    elif [name.lower() for name in target.declaration.key] != [foreign.key.lower()]:
        key = ", ".join(target.declaration.key)
        hint = f"its key is ({key}); a fact that refers to anything else can meet several rows of it"
        yield draft.fault(f"{foreign.key} is not the key of {target.key}", hint, _AT)
    else:
        yield from _moment(draft, foreign, keeps_versions=target.write.traits.versioned)


def _moment(draft: AssetDraft, foreign: ForeignKey, *, keeps_versions: bool) -> Iterator[Fault]:
    """Faults of a foreign key's time. In an scd2 table one key names several rows, and only a time tells which of them,
    so the fact must declare it.
    """
    name = foreign.dimension
    if keeps_versions and not foreign.at:
        hint = f'say when the fact happened: {foreign.column} = "{foreign.target} at <column>"'
        yield draft.fault(f"{name} keeps versions (scd2), so {draft.key} can meet several rows of it", hint, _AT)
    elif foreign.at and not keeps_versions:
        hint = f'drop " at {foreign.at}", or keep one: write = "scd2" in {name}'
        yield draft.fault(f"{draft.key} refers to {name} at a moment, and it keeps no versions (scd2)", hint, _AT)
