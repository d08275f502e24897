"""Finds what is wrong with check files before there are rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from lakeflow.adapters.expectations.audit import Suites
from lakeflow.adapters.expectations.checks.bad_rows import BadRows
from lakeflow.adapters.expectations.checks.check import Broken, Check, Rule, Stated
from lakeflow.adapters.expectations.compile.check_file import contents_of
from lakeflow.adapters.expectations.table import CannotCheck, Queries
from lakeflow.core.errors import AssetError, Fault
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.run.audits.audit_request import AuditRequest

_HINT: Final = "mend the check file; this is what the audit would say"


def faults(request: AuditRequest, suites: Suites, queries: Queries) -> Iterator[Fault]:
    """The faults of an asset's suite files: a file that cannot be executed, an expectation that cannot be compiled for
    these columns, a query that reads what does not exist. Without columns in the scan, files are only executed.
    """
    for file in request.suite.files:
        if file.kind is CheckKind.SUITE:
            known = bool(request.scan.schema.fields)
            yield from _of_checks(file, suites, request, queries) if known else _of_file(file, request.root)


def _of_file(file: CheckFile, root: str) -> Iterator[Fault]:
    try:
        contents_of(file, root)
    except CannotCheck as error:
        yield _fault(file, str(error), 1)


def _of_checks(file: CheckFile, suites: Suites, request: AuditRequest, queries: Queries) -> Iterator[Fault]:
    read = {str(key) for key in file.references} | {f"published.{key}" for key in file.published}
    asked = queries if read - {str(request.asset)} <= request.relations.keys() else None
    for check in suites.checks_of(file):
        if reason := _reason(check.rule, asked):
            yield _fault(file, reason, _line(file, check))


def _reason(rule: Rule, queries: Queries | None) -> str:
    match rule:
        case Broken(reason) | Stated(Outcome.ERRORED, reason):
            return reason
        case BadRows(sql) if queries is not None:
            return _unbound(sql, queries)
    return ""


def _unbound(sql: str, queries: Queries) -> str:
    try:
        queries.execute(f"DESCRIBE SELECT * FROM (\n{queries.select(sql)}\n)")
    except AssetError as error:
        return error.message
    return ""


def _line(file: CheckFile, check: Check) -> int:
    """The line of the expectation, when the text spells out a list of them; otherwise the first line."""
    place = check.unit.rpartition("#")[2]
    for node in ast.parse(file.text).body if place.isdigit() else ():
        match node:
            case ast.Assign(targets=[ast.Name("expectations")], value=ast.List(items)) if int(place) < len(items):
                return items[int(place)].lineno
    return 1


def _fault(file: CheckFile, reason: str, line: int) -> Fault:
    """The fault of a file. An error of its execution begins with file and line already."""
    place, _, said = reason.removeprefix(f"{file.path}:").partition(":")
    if reason.startswith(f"{file.path}:") and place.strip().isdigit():
        return Fault(file.path, int(place), said.strip(), _HINT)
    return Fault(file.path, line, reason.removeprefix(f"{file.path}: "), _HINT)
