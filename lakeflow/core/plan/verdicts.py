"""Verdicts of which few are read: the snapshot and the ruling of each stand there, the rest is made when asked for.

A look asks of a thousand tables what was said of ten snapshots each, and reads what was said of one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import overload

from lakeflow.core.model.run import Ruling, VerdictRecord


class UnreadVerdicts(Sequence[VerdictRecord]):
    """The same as a tuple of verdicts, in order. `about` holds the snapshot and the ruling of each; `make` gives one by
    its place, and is asked once for each. It may raise for a record that cannot be read, and then nobody has seen it.
    """

    __slots__ = ("_about", "_made", "_make")

    def __init__(self, about: Sequence[tuple[int, Ruling]], make: Callable[[int], VerdictRecord]) -> None:
        self._about = about
        self._make = make
        self._made: list[VerdictRecord | None] = [None] * len(about)

    def of(self, rulings: Collection[Ruling], snapshots: Collection[int | None] | None) -> list[VerdictRecord]:
        return [
            self._at(place)
            for place, (snapshot, ruling) in enumerate(self._about)
            if ruling in rulings and (snapshots is None or snapshot in snapshots)
        ]

    def on(self, rulings: Collection[Ruling]) -> frozenset[int]:
        return frozenset(snapshot for snapshot, ruling in self._about if ruling in rulings)

    def _at(self, place: int) -> VerdictRecord:
        found = self._made[place]
        if found is None:
            found = self._made[place] = self._make(place)
        return found

    def __len__(self) -> int:
        return len(self._about)

    @overload
    def __getitem__(self, place: int) -> VerdictRecord: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[VerdictRecord, ...]: ...

    def __getitem__(self, place: int | slice) -> VerdictRecord | tuple[VerdictRecord, ...]:
        places = range(len(self))[place]
        return self._at(places) if isinstance(places, int) else tuple(map(self._at, places))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | UnreadVerdicts) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def ruled(
    verdicts: Sequence[VerdictRecord], rulings: Collection[Ruling], snapshots: Collection[int | None] | None = None
) -> list[VerdictRecord]:
    """The verdicts with one of these rulings, on one of these snapshots or on any, in their order."""
    if isinstance(verdicts, UnreadVerdicts):
        return verdicts.of(rulings, snapshots)
    return [
        each for each in verdicts if each.ruling in rulings and (snapshots is None or each.snapshot_id in snapshots)
    ]


def ruled_on(verdicts: Sequence[VerdictRecord], rulings: Collection[Ruling]) -> frozenset[int]:
    """The snapshots with one of these rulings. No verdict is made for it."""
    if isinstance(verdicts, UnreadVerdicts):
        return verdicts.on(rulings)
    return frozenset(each.snapshot_id for each in verdicts if each.ruling in rulings)
