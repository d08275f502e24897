"""Runs the examples of an asset: its code on the rows that are given, and its checks on what comes of them.

No lake is asked: neither a table, nor the ledger, nor a file but those that the example gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

from lakeflow.core.errors import LakeflowError, UsageError
from lakeflow.core.examples.example import Example
from lakeflow.core.expected.compare import RowDifference
from lakeflow.core.expected.outcome import ExampleResult, unfailed
from lakeflow.core.keys import EMPTY, AssetKey, Layer, TableKey
from lakeflow.core.model.asset import Asset, Column, Project
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.landing import Delivery
from lakeflow.core.ports.auditor import Auditor
from lakeflow.core.ports.engine import Engine, Produced
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.run.code_terms import Terms
from lakeflow.core.run.schema_evolution import settle
from lakeflow.core.time.timeline import Window, parse_wall
from lakeflow.core.values import dataclass


class Bench(Protocol):
    """What examples need of the world: an engine, and where rows that are given lie."""

    @property
    def engine(self) -> Engine: ...

    @property
    def auditor(self) -> Auditor:
        """Started when an example first asks for checks."""
        ...

    def store(self, key: TableKey, rows: object, known: Schema | None, declared: Mapping[str, Column]) -> Scan:
        """The rows as a snapshot of the table, in the types of its columns. UsageError for what does not fit."""
        ...

    def write(self, key: TableKey, output: Produced, schema: Schema) -> Scan:
        """What code gave, as a snapshot with exactly these columns."""
        ...

    def compare(self, came: Scan, expected: object) -> RowDifference:
        """How the rows differ in the columns that are expected. UsageError for what does not fit."""
        ...

    def deliver(self, asset: Asset, files: Mapping[str, str]) -> Delivery:
        """Put files where the asset's code finds them, and take away those of earlier examples."""
        ...


@dataclass(frozen=True)
class Examples:
    """The examples of a project: `schemas` are the columns of its assets, as far as they are known."""

    project: Project
    schemas: Mapping[AssetKey, Schema]
    bench: Bench
    check_timeout: float

    def results(self, asset: Asset) -> Iterator[ExampleResult]:
        for example in asset.examples:
            yield self._result(asset, example)

    def _result(self, asset: Asset, example: Example) -> ExampleResult:
        message, hint, found = "", "", RowDifference(())
        try:
            came = self._came(asset, example)
            if example.expect is not None:
                found = self.bench.compare(came, example.expect).masked(_foreign(asset))
                message = "the rows differ from those that are expected" if found else ""
            if example.fails:
                checks = self._audited(asset, example, came)
                message = "; ".join(filter(None, (message, *(unfailed(checks, name) for name in example.fails))))
        except LakeflowError as error:
            message, hint = error.message, error.hint or ""
        return ExampleResult(asset.key, example.name, asset.code.path, example.line, message, hint, found or None)

    def _came(self, asset: Asset, example: Example) -> Scan:
        """What the code gives, before the write mode merges it with what stands."""
        with self._running(asset, example) as output:
            return self.bench.write(asset.key, output, settle(output.schema, asset.columns, None, parse_type))

    def _running(self, asset: Asset, example: Example) -> AbstractContextManager[Produced]:
        terms = Terms(asset.limits, windows=_windows(asset, example))
        delivery = self.bench.deliver(asset, example.files)
        if asset.files is not None:
            return self.bench.engine.land(asset, delivery, example.at or datetime.now(UTC), terms)
        keys: tuple[TableKey, ...] = (*asset.upstreams, *asset.external)
        return self.bench.engine.produce(asset, {key: self._rows(key, example) for key in keys}, terms)

    def _rows(self, key: TableKey, example: Example) -> Scan:
        """What is given of a table; without a row where nothing is given and its columns are known."""
        of_asset = self.project.assets.get(key) if isinstance(key, AssetKey) else None
        known, declared = (self.schemas.get(of_asset.key), of_asset.columns) if of_asset else (None, EMPTY)
        given = example.given.get(str(key))
        if given is None and known is None:
            hint = f'given."{key}" = [{{...}}], or no row but a header: "id,name"'
            raise UsageError(f"nothing is given as {key}, whose columns only a run tells", hint=hint)
        return self.bench.store(key, [] if given is None else given, known, declared)

    def _audited(self, asset: Asset, example: Example, came: Scan) -> tuple[CheckResult, ...]:
        suite = self.project.suite(asset.key)
        others = {key: self._rows(key, example) for key in (suite.references | suite.published) - {asset.key}}
        relations = {name: scan for key, scan in others.items() for name in (str(key), f"published.{key}")}
        request = AuditRequest(
            asset=asset.key,
            scan=came,
            suite=suite,
            root=self.project.root,
            primary_key=asset.primary_key,
            columns=asset.columns,
            relations={**relations, f"published.{asset.key}": Scan(asset.key, None, came.schema)},
            allow_empty=asset.allow_empty,
            timeout=self.check_timeout,
            at=example.at,
        )
        return self.bench.auditor.audit(request)


def _foreign(asset: Asset) -> frozenset[str]:
    """Personal columns of rows that may be no example's: only SQL of bronze can open a file by its full path."""
    return asset.pii if asset.key.layer is Layer.BRONZE and asset.files is None else frozenset()


def _windows(asset: Asset, example: Example) -> tuple[Window, ...]:
    if asset.timeline is None:
        return ()
    moment = parse_wall(example.partition)
    start = asset.timeline.floor(moment if moment.tzinfo else asset.timeline.at_wall(moment))
    return (Window(start, asset.timeline.after(start)),)
