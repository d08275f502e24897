"""The names of tables: layers, keys of assets, and keys of tables in other catalogs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NoReturn, TypeAlias

from lakeflow.core.values import dataclass

NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,50}(__quarantine)?")


_EXTERNAL_PART: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class _Empty(Mapping[Any, Any]):
    """The mapping without entries. It is hashable, as the defaults of a dataclass must be (mappingproxy is not, on
    3.11).
    """

    __slots__ = ()

    def __getitem__(self, key: object) -> NoReturn:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


EMPTY: Final[Mapping[Any, Any]] = _Empty()


class Layer(StrEnum):
    """The layer of an asset; a layer reads its own and lower layers, never a higher one."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"

    @property
    def rank(self) -> int:
        return list(Layer).index(self)


@dataclass(frozen=True, order=True)
class AssetKey:
    """The name of an asset: `layer.name`, as `str` gives it."""

    layer: Layer
    name: str

    def __hash__(self) -> int:
        """A look at a thousand assets asks for it a hundred thousand times; layers seldom share a name."""
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        """As often as the hash."""
        if other.__class__ is not AssetKey:
            return NotImplemented
        return self.name == other.name and self.layer == other.layer

    @classmethod
    def parse(cls, text: str) -> AssetKey:
        """`"silver.weather"` → key; ValueError for anything that is not `layer.name`."""
        layer, _, name = text.partition(".")
        if not NAME_PATTERN.fullmatch(name):
            raise ValueError(f"{text!r} is not layer.name")
        return cls(Layer(layer), name)

    @classmethod
    def find(cls, text: str) -> AssetKey | None:
        """The key that the text spells, or None if it spells no asset's name."""
        try:
            return cls.parse(text)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"


@dataclass(frozen=True, order=True)
class ExternalKey:
    """A table that another catalog keeps: `catalog.namespace.table`; the settings say what `catalog` is."""

    catalog: str
    namespace: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ExternalKey:
        """ValueError for anything that is not three names joined by dots."""
        parts = text.split(".")
        if len(parts) != 3 or not all(map(_EXTERNAL_PART.fullmatch, parts)):
            raise ValueError(f"{text!r} is not catalog.namespace.table")
        return cls(*parts)

    def __str__(self) -> str:
        return f"{self.catalog}.{self.namespace}.{self.name}"


TableKey: TypeAlias = AssetKey | ExternalKey
"""The name of a table: an asset's key, or the full name in another catalog."""
