"""Where the values in the columns of a relation come from, as values: out of which columns of which tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lakeflow.core.keys import EMPTY, AssetKey

ANY: Final = "*"
"""The column of an `Origin` that may be any column of its table."""


@dataclass(frozen=True, order=True)
class Origin:
    """A column of a table, lower-case, out of which a value may come."""

    key: AssetKey
    column: str


Origins = frozenset[Origin]
NOWHERE: Final[Origins] = frozenset()


@dataclass(frozen=True)
class Star:
    """All columns of a table under their own names, `without` some."""

    key: AssetKey
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flows:
    """The columns of a relation: those with a name, whole tables, and what a column that is not known may come from."""

    named: Mapping[str, Origins] = EMPTY
    stars: tuple[Star, ...] = ()
    anywhere: Origins = NOWHERE

    def of(self, column: str) -> Origins:
        if column in self.named:
            return self.named[column]
        return frozenset(Origin(star.key, column) for star in self.stars if column not in star.without) | self.anywhere

    @property
    def all(self) -> Origins:
        return union([*self.named.values(), frozenset(Origin(star.key, ANY) for star in self.stars), self.anywhere])

    def without(self, names: frozenset[str]) -> Flows:
        named = {name: origins for name, origins in self.named.items() if name not in names}
        return replace(self, named=named, stars=tuple(Star(star.key, star.without | names) for star in self.stars))

    def under(self, names: list[str]) -> Flows:
        """With the column names of an alias: `as v(id, email)`."""
        known = list(self.named.values())
        unknown = replace(self, named=EMPTY).all
        return Flows({name: known[at] if at < len(known) else unknown for at, name in enumerate(names)})


def union(sets: Iterable[Origins]) -> Origins:
    return NOWHERE.union(*sets)


def merged(left: Flows, right: Flows) -> Flows:
    names = {**left.named, **right.named}
    named = {name: left.named.get(name, NOWHERE) | right.named.get(name, NOWHERE) for name in names}
    return Flows(named, left.stars + right.stars, left.anywhere | right.anywhere)
