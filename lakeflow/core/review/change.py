"""What a checkout changes against what main holds, or against a commit, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.table import MAIN
from lakeflow.core.values import dataclass


class ChangeEffect(StrEnum):
    """What a change does to those who read the asset."""

    BREAKING = "breaking"
    CHANGED = "changed"
    ADDITIVE = "additive"
    UNAFFECTED = "unaffected"


class ChangeKind(StrEnum):
    """What is another than on main, or at the commit."""

    ASSET_ADDED = "asset added"
    ASSET_REMOVED = "asset removed"
    ASSET_RENAMED = "asset renamed"
    COLUMN_ADDED = "column added"
    COLUMN_REMOVED = "column removed"
    COLUMN_RENAMED = "column renamed"
    TYPE_WIDENED = "type widened"
    TYPE_CHANGED = "type changed"
    KEY_CHANGED = "key changed"
    CONTRACT_BROKEN = "contract broken"
    MASK_REMOVED = "mask removed"
    PERSONAL_REACHABLE = "personal data reachable"
    SAID_TO_TELL_NOTHING = "said to tell nothing of a person"
    FAULT = "fault"


@dataclass(frozen=True)
class Change:
    """One change of an asset. `path` and `line` say where its cause stands, `readers` who reads what changes, `breaks`
    who of them cannot go on as it is. `asset` is None for a fault of a file that is no asset's code.
    """

    kind: ChangeKind
    effect: ChangeEffect
    asset: AssetKey | None
    says: str
    column: str = ""
    path: str = ""
    line: int = 1
    hint: str = ""
    readers: tuple[AssetKey, ...] = ()
    breaks: tuple[AssetKey, ...] = ()


@dataclass(frozen=True)
class Downstream:
    """What a changed asset does to one that is made from it, however far below."""

    asset: AssetKey
    of: AssetKey
    effect: ChangeEffect


@dataclass(frozen=True)
class Changes:
    """All changes, what breaks first. `unknown` says of assets why their columns are not known without a run; `other`
    is what the checkout is held against.
    """

    changes: tuple[Change, ...] = ()
    downstream: tuple[Downstream, ...] = ()
    unknown: Mapping[AssetKey, str] = field(default_factory=lambda: EMPTY)
    other: str = MAIN

    @property
    def breaking(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.effect is ChangeEffect.BREAKING)
