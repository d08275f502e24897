"""The two sides of a review: what main holds of each asset, or a commit says of it, and what a checkout makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.errors import Fault
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import MAIN
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class MainSide:
    """An asset as main holds it: its columns, the version of the code that made it as today's fingerprint spells it,
    what is kept of that code (empty: nothing is), and what it read. Of a commit the columns may not be known (None).
    """

    schema: Schema | None
    code_version: str = ""
    source: str = ""
    inputs: tuple[str, ...] = ()

    @cached_property
    def document(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.source) if self.source else EMPTY
        return found

    @property
    def fields(self) -> Mapping[str, Any]:
        """What was declared, as far as it counts for a code version."""
        found: Mapping[str, Any] = self.document.get("fields", EMPTY)
        return found

    @cached_property
    def columns(self) -> Mapping[str, Mapping[str, Any]]:
        """What was declared of columns, by their lower-cased names."""
        return {name.lower(): said for name, said in self.fields.get("columns", {}).items()}


@dataclass(frozen=True)
class Checkout:
    """A project as its files say it: the columns of each asset as far as they are known without a run, the graph of all
    columns, and the faults of its SQL.
    """

    project: Project
    schemas: Mapping[AssetKey, Schema]
    graph: ColumnGraph
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class BothSides:
    """Both sides. `main` has no table of another name than today's but those in `renames` (new name → old). `other` is
    what the checkout is held against: main, or a commit as it was named.
    """

    main: Mapping[AssetKey, MainSide]
    main_graph: ColumnGraph
    checkout: Checkout
    renames: Mapping[AssetKey, AssetKey] = field(default_factory=lambda: EMPTY)
    removed: Sequence[AssetKey] = ()
    other: str = MAIN

    @property
    def project(self) -> Project:
        return self.checkout.project

    @property
    def there(self) -> str:
        return f"on {MAIN}" if self.other == MAIN else f"at {self.other}"

    def same_code(self, key: AssetKey) -> bool:
        return key in self.main and self.main[key].code_version == self.project.assets[key].code_version


def project_of_main(project: Project, main: Mapping[AssetKey, MainSide]) -> Project:
    """The assets that main holds, each with the text that made it where that is a SELECT and is kept."""
    assets = {key: _as_on_main(asset, main[key]) for key, asset in project.assets.items() if key in main}
    return replace(project, assets=assets)


def _as_on_main(asset: Asset, then: MainSide) -> Asset:
    if then.document.get("kind") != "sql" or then.code_version == asset.code_version:
        return asset
    inputs = {name: key for name in then.inputs if (key := AssetKey.find(name))}
    return replace(asset, code=SqlCode(str(then.document["text"]), asset.code.path, asset.code.line), inputs=inputs)
