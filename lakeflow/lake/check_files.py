"""What check files say before there are rows, and what is wrong with them: the audit worker loads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lakeflow.adapters.duckdb.code.bind import PUBLISHED
from lakeflow.core.errors import AssetError, Fault
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project
from lakeflow.core.model.check import CheckKind, DeclaredCheck, Suite
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.run.audits.audit_request import AuditRequest
from lakeflow.core.settings.settings import Settings
from lakeflow.core.view.lineage import personal_inputs
from lakeflow.lake.assembly import auditor_apart
from lakeflow.lake.binding import Binding

if TYPE_CHECKING:
    from lakeflow.adapters.processes.auditor import ProcessAuditor


def faults(project: Project, settings: Settings, binding: Binding) -> Iterator[Fault]:
    """The faults of these check files. Takes as long as the import of Great Expectations, where a file needs that."""
    suites = {
        key: suite for key, suite in project.suites.items() if any(file.kind is CheckKind.SUITE for file in suite.files)
    }
    if not suites:
        return
    with auditor_apart(project, settings) as auditor:
        auditor.start(suites.values())
        for key in suites.keys() & project.assets.keys():
            yield from _told(auditor, _request(project, settings, project.assets[key], binding))


def declared(
    project: Project, settings: Settings, binding: Binding, keys: Iterable[AssetKey]
) -> Mapping[AssetKey, tuple[DeclaredCheck, ...]]:
    """The checks of these assets, which the audit worker names as its results will be named."""
    with auditor_apart(project, settings) as auditor:
        auditor.start(project.suite(key) for key in keys)
        found = {}
        for asset in map(project.assets.__getitem__, keys):
            request = _request(project, settings, asset, binding)
            # An audit knows how many rows were written, and compares them: that is one check more.
            asked = replace(request, inherited=personal_inputs(project, asset), expected_rows=0)
            found[asset.key] = auditor.declared(asked)
        return found


def _told(auditor: ProcessAuditor, request: AuditRequest) -> tuple[Fault, ...]:
    try:
        return auditor.faults(request)
    except AssetError as error:  # loading the file ended the worker's process
        path = next(file.path for file in request.suite.files if file.kind is CheckKind.SUITE)
        return (Fault(path, 1, error.message, "load its check files one by one: one of them ends the process"),)


def _request(project: Project, settings: Settings, asset: Asset, binding: Binding) -> AuditRequest:
    suite = project.suite(asset.key)
    return AuditRequest(
        asset=asset.key,
        scan=Scan(asset.key, None, binding.schemas.get(asset.key, Schema(()))),
        suite=suite,
        root=project.root,
        primary_key=asset.row_key,
        version_key=asset.version_key,
        columns=asset.columns,
        relations=dict(_relations(suite, asset.key, binding)),
        allow_empty=asset.allow_empty,
        timeout=settings.check_timeout,
    )


def _relations(suite: Suite, own: AssetKey, binding: Binding) -> Iterator[tuple[str, Scan]]:
    """Empty relations for all tables that a check may read and whose columns are known."""
    for key in suite.references - {own}:
        if key in binding.schemas:
            yield str(key), Scan(key, None, binding.schemas[key])
    for key in suite.published | {own}:
        if (schema := binding.published.get(key, binding.schemas.get(key))) is not None:
            yield f"{PUBLISHED}.{key}", Scan(key, None, schema)
