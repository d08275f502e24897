"""Values that say from which columns of which tables the columns of a relation come.

A relation is a sequence of columns, as far as a text tells. Where the text tells no name or number, the sequence says
so, and a look-up gives everything that the column may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Final, Literal, TypeAlias

from lakeflow.core.keys import AssetKey
from lakeflow.core.values import dataclass

ANY: Final = "*"
"""The column of a `ColumnOrigin` that may be any column of its table."""
_NUMBER: Final = re.compile(r"(.+)_\d+")


@dataclass(frozen=True, order=True)
class ColumnOrigin:
    """A column of a table, in lower case, from which a value may come."""

    key: AssetKey
    column: str


Origins = frozenset[ColumnOrigin]
NOWHERE: Final[Origins] = frozenset()


@dataclass(frozen=True)
class Named:
    """One column. It has no name here if the text does not tell its name."""

    name: str
    origins: Origins = NOWHERE
    kind: Literal["named"] = field(default="named", repr=False)


@dataclass(frozen=True)
class Star:
    """All columns of a table under their own names, without those in `without`."""

    key: AssetKey
    without: frozenset[str] = frozenset()
    kind: Literal["star"] = field(default="star", repr=False)


@dataclass(frozen=True)
class Again:
    """A column whose name occurs before it: DuckDB adds a number, `email_1`. The name `ANY` stands for any column's."""

    name: str
    origins: Origins
    kind: Literal["again"] = field(default="again", repr=False)


@dataclass(frozen=True)
class Rest:
    """Any number of columns whose names the text does not tell."""

    origins: Origins = NOWHERE
    kind: Literal["rest"] = field(default="rest", repr=False)


Columns: TypeAlias = Named | Star | Again | Rest
"""The kinds of columns; as JSON they are told apart by `kind`."""


@dataclass(frozen=True)
class Flows:
    """The columns of a relation, from left to right."""

    columns: tuple[Columns, ...] = ()

    @property
    def all(self) -> Origins:
        return union(map(_all, self.columns))

    @property
    def places(self) -> tuple[Columns, ...]:
        """Each column once, with its place."""
        return tuple(each for each in self.columns if not isinstance(each, Again))

    @property
    def is_closed(self) -> bool:
        """Are the number and the place of every column known?"""
        return all(isinstance(each, Named) for each in self.places)

    @property
    def names(self) -> frozenset[str] | None:
        """The names of all columns whose names are known."""
        named = frozenset(each.name for each in self.places if isinstance(each, Named))
        return named if self.is_closed and "" not in named else None

    def of(self, column: str) -> Origins:
        """The origins of the column with that name."""
        return union(_found(each, column) for each in self.columns)

    def has(self, column: str) -> bool:
        """Is there certainly a column of that name?"""
        return any(isinstance(each, Named) and each.name == column for each in self.columns)

    def without(self, names: frozenset[str]) -> Flows:
        kept = (each for each in self.columns if not (isinstance(each, Named) and each.name in names))
        return Flows(
            tuple(replace(each, without=each.without | names) if isinstance(each, Star) else each for each in kept)
        )

    def replacing(self, old: str, new: Named) -> Flows:
        """The flows with another column in place of the one with that name."""
        if self.has(old):
            return Flows(tuple(new if isinstance(each, Named) and each.name == old else each for each in self.columns))
        return Flows((*self.without(frozenset({old})).columns, new))

    def under(self, names: Sequence[str]) -> Flows:
        """The flows under the column names of an alias: `as v(id, email)`. Further columns keep their own names."""
        if not names:
            return self
        if not self.is_closed:
            return Flows((*(Named(name, self.all) for name in names), *self.columns))
        renamed = (Named(name, _all(each)) for name, each in zip(names, self.places, strict=False))
        again = (each for each in self.columns if isinstance(each, Again))
        return Flows((*renamed, *self.places[len(names) :], *again))

    def numbered(self) -> Flows:
        """The flows as another SELECT sees them: among columns with one name, all but the first get a number."""
        places = self.places
        pairs = ((before, each) for at, each in enumerate(places) for before in places[:at])
        again = dict.fromkeys(more for before, each in pairs for more in _again(before, each))
        return Flows((*self.columns, *(each for each in again if each not in self.columns)))


def union(sets: Iterable[Origins]) -> Origins:
    return NOWHERE.union(*sets)


def everything(keys: Iterable[AssetKey]) -> Origins:
    """Any column of these tables."""
    return frozenset(ColumnOrigin(key, ANY) for key in keys)


def by_name(sides: Sequence[Flows]) -> Flows:
    """The flows of two sides whose columns are matched by name."""
    names = dict.fromkeys(each.name for side in sides for each in side.columns if isinstance(each, Named))
    named = [Named(name, union(side.of(name) for side in sides)) for name in names if name]
    others = (each for side in sides for each in side.columns if not (isinstance(each, Named) and each.name))
    return Flows((*named, *dict.fromkeys(others)))


def by_place(sides: Sequence[Flows]) -> Flows:
    """The flows of two sides whose columns are matched by place, under the names of the first side."""
    first, *others = sides
    if all(side == first and len(side.columns) == 1 for side in others):
        return first
    if all(side.is_closed for side in sides):
        rows = zip(*(side.places for side in sides), strict=False)
        names = [each.name for each in first.places if isinstance(each, Named)]
        return Flows(
            tuple(Named(name, union(map(_all, row))) for name, row in zip(names, rows, strict=False))
        ).numbered()
    more = union(side.all for side in others)
    columns = (
        replace(each, origins=each.origins | more) if isinstance(each, Named) else each for each in first.columns
    )
    return Flows((*columns, Rest(more)))


def _all(column: Columns) -> Origins:
    return everything([column.key]) if isinstance(column, Star) else column.origins


def _found(column: Columns, name: str) -> Origins:
    match column:
        case Star():
            return frozenset({ColumnOrigin(column.key, name)} if name not in column.without else ())
        case Named():
            return column.origins if column.name in ("", name) else NOWHERE
        case Again():
            return union(_numbered(column, base) for base in _bases(name))
    return column.origins


def _numbered(column: Again, base: str) -> Origins:
    if column.name == ANY:
        return frozenset(replace(each, column=base) if each.column == ANY else each for each in column.origins)
    return column.origins if column.name == base else NOWHERE


def _bases(name: str) -> Iterator[str]:
    """The names that a numbered name may come from: `a_1_2` → `a_1`, `a`."""
    while found := _NUMBER.fullmatch(name):
        name = found[1]
        yield name


def _again(before: Columns, column: Columns) -> Iterator[Again]:
    """The part of the column that may have the name of a column before it."""
    match before, column:
        case (Named(name), Named(other, origins)) if name == other and name:
            yield Again(name, origins)
        case (Star(_, without), Named(name, origins)) if name and name not in without:
            yield Again(name, origins)
        case (Named(name), Star(key, without)) if name and name not in without:
            yield Again(name, frozenset({ColumnOrigin(key, name)}))
        case (Star() | Rest() | Named(""), Star(key)):
            yield Again(ANY, everything([key]))
        case (Rest() | Named(""), Named(name, origins)) if name:
            yield Again(name, origins)
