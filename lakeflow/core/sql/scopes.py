"""What a name can mean in one SELECT: its sources, its earlier columns, and those of the SELECTs around it.

A name may mean several things, and the text does not tell the columns that decide between them. So it means all of
them, up to the first that is certain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Final

from lakeflow.core.keys import Layer
from lakeflow.core.sql.column_origins import NOWHERE, Flows, Origins, union
from lakeflow.core.values import dataclass

_QUALIFIED: Final = 3
"""The longest name of a table: `published.silver.flights`."""


@dataclass
class Scope:
    """The names that one SELECT can use. `every` are the origins of a value of which nothing is known; `ctes` are the
    tables of WITH.
    """

    every: Origins
    ctes: Mapping[str, Flows]
    outer: Scope | None = None
    sources: list[tuple[str, Flows]] = field(default_factory=list)
    earlier: dict[str, Origins] = field(default_factory=dict)

    def inside(self) -> Scope:
        """The scope of a query inside this one."""
        return Scope(self.every, self.ctes, self)

    def knowing(self, ctes: Mapping[str, Flows]) -> Scope:
        """The scope with further tables of WITH, and no source of its own yet."""
        return Scope(self.every, {**self.ctes, **ctes}, self.outer)

    @property
    def columns(self) -> Flows:
        """The columns of `*`."""
        return Flows(tuple(each for _, flows in self.sources for each in flows.columns))

    def source(self, name: str) -> Flows | None:
        """The source with that name, here or in a scope around."""
        found = next((flows for known, flows in self.sources if known == name), None)
        return found or (self.outer.source(name) if self.outer else None)

    def origins(self, names: Sequence[str]) -> Origins:
        """The origins of `column`, `table.column`, `layer.table.column`, each with struct fields after it, or of
        `table`.
        """
        found, is_sure = self._qualified(names)
        if not is_sure:
            found |= union(flows.of(names[0]) for _, flows in self.sources)
            is_sure = any(flows.has(names[0]) for _, flows in self.sources)
        if not is_sure:
            found |= self.earlier.get(names[0], NOWHERE) | self._rows(names)
            found |= self.outer.origins(names) if self.outer else NOWHERE
        return found

    def _qualified(self, names: Sequence[str]) -> tuple[Origins, bool]:
        found, is_sure = NOWHERE, False
        for place, (table, column) in enumerate(pairwise(names[: _QUALIFIED + 1])):
            for name, flows in self.sources:
                if name == table:
                    found |= flows.of(column)
                    is_sure |= place == 0 and flows.has(column)
        return found, is_sure

    def _rows(self, names: Sequence[str]) -> Origins:
        """The origins of whole rows of the named source."""
        is_table = len(names) == 1 or (len(names) <= _QUALIFIED and names[-2] in list(Layer))
        return union(flows.all for name, flows in self.sources if is_table and name == names[-1])
