"""Runs an audit step by step. Each step is announced before it begins, so the caller knows what ran when this process
died, and can let another process do the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from lakeflow.adapters.expectations.added import Added
from lakeflow.adapters.expectations.checks.bad_rows import SparkBadRows, file_check
from lakeflow.adapters.expectations.checks.built_in import SchemaHolds, built_in
from lakeflow.adapters.expectations.checks.check import Broken, Check
from lakeflow.adapters.expectations.checks.functions import DeclaredCheckFunction, function_check
from lakeflow.adapters.expectations.checks.names import unique_names
from lakeflow.adapters.expectations.compile.cache import SuiteCache
from lakeflow.adapters.expectations.compile.check_file import Contents, contents_of, functions_of
from lakeflow.adapters.expectations.compile.compile import ExpectationSource, compile_expectation
from lakeflow.adapters.expectations.compile.from_text import checks_from_text
from lakeflow.adapters.expectations.compile.is_constant import asks_for_library, told_apart
from lakeflow.adapters.expectations.metrics.answers import Answers
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Queries
from lakeflow.core.model.check import CheckFile, CheckKind, DeclaredCheck, Severity
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.run.audits.audit_progress import SHARED_SCAN, AuditProgress
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Past:
    """What earlier processes did of the same audit: the steps that they finished, and those that were lost, with the
    reason.

    A lost suite file stays lost. A lost shared scan is not tried again: its aggregates are computed one by one, or not
    at all when the scan took too long (`too_long`).
    """

    answered: frozenset[str] = frozenset()
    lost: Mapping[str, str] | None = None
    too_long: str = ""


class Suites:
    """The suite files of an audit: taken from the cache, or compiled from their text, or else executed and compiled,
    which needs the library.
    """

    def __init__(self, request: AuditRequest, kept: SuiteCache) -> None:
        self.table = _table(request)
        self._request = request
        self._kept = kept
        found = {file.path: self._without_library(file) for file in _files(request, CheckKind.SUITE)}
        self._ready = {path: checks for path, checks in found.items() if checks is not None}

    def _without_library(self, file: CheckFile) -> list[Check] | None:
        allow_empty = self._request.allow_empty
        if (known := self._kept.read(file, self.table, allow_empty=allow_empty)) is not None:
            return known
        if (made := checks_from_text(file, self.table, allow_empty=allow_empty)) is not None:
            self._kept.write(file, self.table, made, allow_empty=allow_empty)
        return made

    def run_code(self, lost: Container[str]) -> bool:
        """Must the file or its functions be executed? Files in `lost` are not tried again."""
        files = (file for file in _files(self._request, CheckKind.SUITE) if file.path not in lost)
        return any(file.path not in self._ready or _alone(file).body for file in files)

    def need_library(self, lost: Container[str]) -> bool:
        """May one of these suites need the library?"""
        files = _files(self._request, CheckKind.SUITE)
        left = (file for file in files if file.path not in self._ready and file.path not in lost)
        return any(asks_for_library(file.text) for file in left)

    def checks_of(self, file: CheckFile) -> list[Check]:
        if file.path in self._ready:
            return [*self._ready[file.path], *_functions(file, self._request, self.table)]
        try:
            found = contents_of(file, self._request.root)
        except CannotCheck as error:
            return [Check(f"{file.path}#0", file.path, Broken(str(error)), file.path)]
        checks = _compiled(found, file, self._request, self.table)
        self._kept.write(file, self.table, checks, allow_empty=self._request.allow_empty)
        return [*checks, *_called(found.functions, file, self._request, self.table)]


def refusals(request: AuditRequest, suites: Suites) -> tuple[Refusal, ...]:
    """The checks whose failing rows go to quarantine. A check that cannot be compiled is left for the audit to
    report.
    """
    files = _files(request, CheckKind.SUITE)
    checks = _named([check for file in files for check in suites.checks_of(file)])
    return tuple(replace(check.refusal, check=check.name) for check in checks if check.refusal)


def declared(request: AuditRequest, suites: Suites) -> tuple[DeclaredCheck, ...]:
    """Every check that an audit would run, in its order, under the names that its results have."""
    checks = [check for file in _files(request, CheckKind.SUITE) for check in suites.checks_of(file)]
    table, allowed = suites.table, request.allow_empty
    checks += [file_check(file, table, allow_empty=allowed) for file in _files(request, CheckKind.ROWS)]
    checks += built_in(request, table)
    return tuple(DeclaredCheck(check.name, _worst(check), check.path) for check in _named(checks))


def _worst(check: Check) -> Severity:
    """How much its failure weighs at most."""
    if check.thresholds is None:
        return check.severity
    return Severity.WARNING if check.thresholds.hold is None else Severity.CRITICAL


@dataclass(frozen=True)
class Engines:
    """Who is asked of all rows, and of the `few` that a write added with those near them. `here` is the lake's own
    engine, for what reads no row: bounds and columns. `written` reads checks that are written in another engine's SQL.
    """

    all_rows: Queries
    few: Queries
    here: Queries
    written: Queries


def alone(queries: Queries) -> Engines:
    """One is asked everything."""
    return Engines(queries, queries, queries, queries)


def steps(request: AuditRequest, engines: Engines, past: Past, suites: Suites | None = None) -> Iterator[AuditProgress]:
    """Run the rest of the audit; results come in the order of the `Auditor` port."""
    suites = suites or Suites(request, SuiteCache())
    table = suites.table
    checks: list[Check] = []
    for file in _files(request, CheckKind.SUITE):
        checks += yield from _load(file, suites, past)
    checks += [file_check(file, table, allow_empty=request.allow_empty) for file in _files(request, CheckKind.ROWS)]
    checks += built_in(request, table)
    answers, added = Answers(engines.all_rows, table), Added(request, engines.few, table)
    left = [check for check in _named(checks) if check.unit not in past.answered]
    if request.statistics:
        answers.consult(request.statistics, [plan for check in left for plan in check.rule.plans], engines.here)
    if not past.too_long:
        added.take(left, answers)
    yield from _scan(answers, added, [check for check in left if not _is_written(check)], past)
    written, here = Answers(engines.written, table), Answers(engines.here, table)
    for check in left:
        yield AuditProgress(check.unit, check.name, check.path)
        if isinstance(check.rule, SchemaHolds) and engines.all_rows.why:
            result = check.run(here)
        else:
            result = added.run(check, written if _is_written(check) else answers)
        yield AuditProgress(check.unit, check.name, check.path, done=True, result=result)


def _is_written(check: Check) -> bool:
    """Is its text another engine's SQL?"""
    return isinstance(check.rule, SparkBadRows)


def _table(request: AuditRequest) -> Audited:
    pii = frozenset(name.lower() for name, column in request.columns.items() if column.pii) | request.inherited
    main = request.relations.get(f"published.{request.asset}")
    at = request.at or datetime.now(UTC)
    return Audited(
        asset=request.asset,
        schema=request.scan.schema,
        primary_key=request.primary_key,
        version_key=request.version_key,
        pii=pii,
        guarded=bool(pii | request.pii),
        elsewhere=request.pii,
        readable=frozenset(request.relations),
        main=main.schema if main and main.snapshot_id is not None else None,
        moment=at.astimezone(UTC).replace(tzinfo=None),
        shown=request.shown,
    )


def _files(request: AuditRequest, kind: CheckKind) -> Iterator[CheckFile]:
    return (file for file in request.suite.files if file.kind is kind)


def _load(file: CheckFile, suites: Suites, past: Past) -> Generator[AuditProgress, None, list[Check]]:
    if file.path in (past.lost or {}):
        return []
    yield AuditProgress(file.path, file.path, file.path)
    checks = suites.checks_of(file)
    yield AuditProgress(file.path, file.path, file.path, done=True)
    return checks


def _compiled(found: Contents, file: CheckFile, request: AuditRequest, table: Audited) -> list[Check]:
    allowed = request.allow_empty or file.allow_empty
    return [
        compile_expectation(one, table, ExpectationSource(file.path, place, allowed))
        for place, one in enumerate(found.expectations)
    ]


def _functions(file: CheckFile, request: AuditRequest, table: Audited) -> list[Check]:
    """The functions of a file whose expectations are ready: only the functions are executed."""
    alone = _alone(file)
    if not alone.body:
        return []
    try:
        found = functions_of(file, request.root, alone)
    except CannotCheck as error:
        return [Check(f"{file.path}#functions", file.path, Broken(str(error)), file.path)]
    return _called(found, file, request, table)


def _alone(file: CheckFile) -> ast.Module:
    """The functions of a file whose expectations were cached, so that they can be executed without the rest of the
    file.
    """
    return told_apart(file.text) or ast.Module([], [])


def _called(
    found: Iterable[DeclaredCheckFunction], file: CheckFile, request: AuditRequest, table: Audited
) -> list[Check]:
    return [function_check(each, file, table, allow_empty=request.allow_empty or file.allow_empty) for each in found]


def _named(checks: Sequence[Check]) -> list[Check]:
    named = unique_names(check.name for check in checks)
    return [replace(check, name=name) for check, name in zip(checks, named, strict=True)]


def _scan(answers: Answers, added: Added, checks: Sequence[Check], past: Past) -> Iterator[AuditProgress]:
    plans = [plan for check in checks if not added.takes(check) for plan in check.rule.plans]
    if past.too_long:
        answers.refuse(plans, past.too_long)
    elif SHARED_SCAN not in (past.lost or {}) and checks:
        yield AuditProgress(SHARED_SCAN, SHARED_SCAN)
        answers.scan(plans)
        added.scan()
        yield AuditProgress(SHARED_SCAN, SHARED_SCAN, done=True)
