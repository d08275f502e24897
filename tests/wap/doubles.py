"""A small lake for the story: code and checks are Python functions over lists of numbers.

Everything that the story asks of an engine and of an auditor is kept, only smaller: an asset's rows are the numbers
of one column, a file is a list under a name, and a recipe maps the rows of the inputs to the rows of the asset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from lakeflow.core.compact.stored import MovedRows, Rewrite
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.export.exported import ExportedTable, ExportOrder
from lakeflow.core.keys import EMPTY, AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.check import Outcome, Suite
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.run import CheckResult
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.model.table import Rows, Scan, WrittenFile
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.landing import Landed
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.run.code_terms import FREELY, Terms
from lakeflow.core.run.resources import Resources
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.suggest.profile import Key, Profile, Span, Wants
from lakeflow.lake.lake import Lake

SCHEMA = Schema((Field("value", Primitive("long")),))
Numbers = Sequence[int]
Recipe = Callable[[Mapping[str, Numbers]], Numbers]
"""Rows of the inputs, by `layer.name`, to the rows of the asset. May raise an AssetError."""
Rule = Callable[[Numbers, Mapping[str, Numbers]], bool]
"""Rows of the audited snapshot, and those of the tables that the check names, to: is that good?"""


class Crash(BaseException):
    """The process dies here. No `except Exception` may swallow it."""


@dataclass
class Ticking:
    """A clock that moves a second at every look."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Shelf:
    """All data files: a name and the numbers in it."""

    held: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=lambda: count(1))

    def store(self, numbers: Numbers, directory: str) -> tuple[WrittenFile, ...]:
        """No rows give no file, as from the real engine."""
        if not numbers:
            return ()
        path = f"{directory}/{next(self._names)}.parquet"
        self.held[path] = tuple(numbers)
        return (WrittenFile(path, len(numbers), 8 * len(numbers)),)

    def rows(self, scan: Scan) -> list[int]:
        return sorted(number for path in scan.files for number in self.read(path))

    def read(self, path: str) -> Numbers:
        return self.held[path.removeprefix("file://")]


KEYS = 5


def key_of(number: int) -> int:
    """What tells rows apart in an upsert."""
    return number % KEYS


def _same_key(numbers: Numbers) -> Callable[[int], bool]:
    keys = {key_of(number) for number in numbers}
    return lambda number: key_of(number) in keys


def part_of(number: int) -> int:
    """The partition that a row is of."""
    return number % 3


def _same_part(numbers: Numbers) -> Callable[[int], bool]:
    parts = {part_of(number) for number in numbers}
    return lambda number: part_of(number) in parts


_MATCHES = {WriteMode.UPSERT: _same_key, WriteMode.PARTITION: _same_part}
"""Of each mode that merges: rows that came → does that row of the base go?"""


@dataclass
class _Produced:
    shelf: Shelf
    numbers: Numbers
    schema: Schema = SCHEMA
    landed: tuple[Landed, ...] = ()

    def write(self, write: Write) -> WriteResult:
        assert write.schema.names == self.schema.names
        came = self.shelf.store(self.numbers, write.directory)
        if write.base is None:
            return WriteResult(came, rows=len(self.numbers))
        goes = _MATCHES[write.mode](self.numbers)
        before = {path: self.shelf.read(path) for path in write.base.files}
        touched = {path: rows for path, rows in before.items() if any(map(goes, rows))}
        rest = [number for rows in touched.values() for number in rows if not goes(number)]
        replaced = sum(map(len, touched.values())) - len(rest)
        files = (*came, *self.shelf.store(rest, write.directory))
        return WriteResult(files, tuple(touched), len(self.numbers), replaced)


@dataclass
class ScriptedEngine:
    """The `Engine` port: runs the recipe of an asset's code version. `ran` notes what ran, on which rows."""

    shelf: Shelf
    recipes: dict[str, Recipe]
    ran: list[AssetKey] = field(default_factory=list)
    regranted: list[tuple[AssetKey, Resources]] = field(default_factory=list)

    def regrant(self, key: AssetKey, resources: Resources) -> None:
        self.regranted.append((key, resources))

    def start(self, assets: Iterable[Asset], reads: int = 0) -> None:
        pass

    @contextmanager
    def produce(self, asset: Asset, inputs: Mapping[TableKey, Scan], terms: Terms = FREELY) -> Iterator[_Produced]:
        self.ran.append(asset.key)
        rows = {str(key): self.shelf.rows(scan) for key, scan in inputs.items()}
        yield _Produced(self.shelf, self.recipes[asset.code_version](rows))

    def equal(self, left: Scan, right: Scan, resources: Resources | None = None) -> bool:
        return self.shelf.rows(left) == self.shelf.rows(right)

    def difference(self, before: Scan, after: Scan, asked: Asked) -> Compared:
        raise NotImplementedError

    def rewrite(self, scan: Scan, rewrite: Rewrite, resources: Resources | None = None) -> MovedRows:
        raise NotImplementedError("rows are numbers here, and lie in no files")

    def are_there(self, rewritten: MovedRows) -> bool:
        raise NotImplementedError

    def drop(self, rewritten: MovedRows) -> None:
        raise NotImplementedError

    def relation(self, scan: Scan) -> Any:
        return self.shelf.rows(scan)

    def query(self, text: str, scans: Mapping[str, Scan], hidden: Mapping[str, Set[str]] = EMPTY) -> Any:
        raise NotImplementedError("no SQL here")

    def connect(self, scans: Mapping[str, Scan]) -> Any:
        raise NotImplementedError("no SQL here")

    def export(self, order: ExportOrder, resources: Resources) -> tuple[ExportedTable, ...]:
        raise AssertionError

    def rows(self, scan: Scan, limit: int) -> Rows:
        return Rows(("value",), tuple((str(number),) for number in self.shelf.rows(scan)[:limit]))

    def touched(self, came: Scan, went: Scan | None, filters: Any, windows: Any) -> frozenset[int]:
        raise NotImplementedError

    def is_key(self, scan: Scan, columns: Sequence[str]) -> bool:
        raise NotImplementedError

    def profile(self, scan: Scan, wants: Wants, keys: Sequence[Key] = (), span: Span | None = None) -> Profile:
        raise NotImplementedError

    def corruptible(self, scan: Scan, corruptions: Any, dose: Any) -> Any:
        raise NotImplementedError

    def corrupted(self, scan: Scan, which: Any, dose: Any) -> Any:
        raise NotImplementedError

    def scratch(self) -> Any:
        raise NotImplementedError

    def newest(self, scan: Scan, column: str, until: datetime) -> datetime | None:
        raise NotImplementedError

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class ScriptedAuditor:
    """The `Auditor` port: the rule of a suite's digest, and row accounting. `audited` notes each snapshot id."""

    shelf: Shelf
    rules: dict[str, Rule]
    audited: list[int | None] = field(default_factory=list)

    def start(self, suites: Iterable[Suite]) -> None:
        pass

    def audit(self, request: AuditRequest) -> tuple[CheckResult, ...]:
        self.audited.append(request.scan.snapshot_id)
        rows = self.shelf.rows(request.scan)
        named = {name: self.shelf.rows(scan) for name, scan in request.relations.items()}
        rule = self.rules.get(request.suite.digest)
        results = [] if rule is None else [CheckResult("rule", _outcome(rule(rows, named)))]
        if request.expected_rows is not None:
            counted = f"expected {request.expected_rows}, found {len(rows)}"
            results.append(CheckResult("rows", _outcome(request.expected_rows == len(rows)), detail=counted))
        return tuple(results)

    def interrupt(self) -> None:
        pass

    def refusals(self, _: AuditRequest) -> tuple[Refusal, ...]:
        return ()

    def close(self) -> None:
        pass


def _outcome(good: bool) -> Outcome:
    return Outcome.PASSED if good else Outcome.FAILED


Gate = Callable[[str], None]


@dataclass(frozen=True)
class Gated:
    """A port behind a gate: the gate is told `port.method>` before each call and `port.method<` after it.

    It may raise there (a crash at that very point) or change the world (another engine commits just then).
    """

    name: str
    port: Any
    gate: Gate

    def __getattr__(self, method: str) -> Any:
        real = getattr(self.port, method)

        def through(*args: Any, **kwargs: Any) -> Any:
            self.gate(f"{self.name}.{method}>")
            answer = real(*args, **kwargs)
            self.gate(f"{self.name}.{method}<")
            return answer

        return through if callable(real) else real


@contextmanager
def dying(lake: Lake, call: int) -> Iterator[Lake]:
    """The lake in the hands of a process that dies at its n-th call of a port: nothing of it happens afterwards."""
    calls = iter(range(1, call))

    def gate(_: str) -> None:
        if next(calls, None) is None:
            raise Crash("the process is dead")

    world = lake._world
    ports = {name: Gated(name, getattr(world, name), gate) for name in ("catalog", "ledger", "engine", "auditor")}
    lake.__dict__["_world"] = replace(
        world,
        catalog=ports["catalog"],
        ledger=ports["ledger"],
        make_engine=lambda: ports["engine"],
        make_auditor=lambda: ports["auditor"],
        invocation=replace(world.invocation, holder=replace(world.invocation.holder, process_started="before")),
    )
    try:
        yield lake
    except Crash:
        pass
    finally:
        lake.__dict__["_world"] = world
