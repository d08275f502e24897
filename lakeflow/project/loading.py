"""Loads everything below `layers/` and `checks/` as one value, or reports all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from lakeflow.core.declare.descent import in_order
from lakeflow.core.declare.laws import AssetDraft, ParsedFile, faults_of
from lakeflow.core.declare.pii import unmasked
from lakeflow.core.declare.star_schema import star_faults
from lakeflow.core.errors import Fault, ProjectError
from lakeflow.core.keys import Layer
from lakeflow.core.model.asset import Asset, AssetKind, Deletes, Project
from lakeflow.core.model.quarantine import quarantine_faults, with_quarantines
from lakeflow.core.sql.query import ReadQuery
from lakeflow.core.wording import did_you_mean
from lakeflow.project.check_files import Checks
from lakeflow.project.kept import KeptProject
from lakeflow.project.known_queries import KnownQueries
from lakeflow.project.modules import Modules
from lakeflow.project.python_files import PythonFile
from lakeflow.project.sources import Sources, in_a_layer
from lakeflow.project.sql_files import read_sql_file
from lakeflow.project.unexecuted import Executed, Loader, Unexecuted


def executed(known: KeptProject, cache: Path | None) -> Project:
    """The project, its Python files imported."""
    return _load(known, cache, Executed)


def unexecuted(known: KeptProject, cache: Path | None) -> Project:
    """The project, its Python files read and not run where their text tells every asset."""
    return _load(known, cache, Unexecuted)


def _load(known: KeptProject, cache: Path | None, loader: type[Executed | Unexecuted]) -> Project:
    sources = Sources(known.root, known.engines)
    modules = loader(sources, Modules(sources))
    project = _project(sources, modules, KnownQueries(cache))
    if modules.is_repeatable:
        known.write(project, sources, has_run=loader is Executed)
    return project


def _project(sources: Sources, modules: Loader, queries: ReadQuery) -> Project:
    layers = sources.root / "layers"
    files = [Path(path) for path in sources.files("layers")]
    read = [_read(path, sources, modules, queries) for path in files if in_a_layer(path, layers)]
    drafts = [draft for each in read for draft in each.drafts]
    lost = frozenset(key for each in read for key in each.lost)
    faults = [*_misplaced(sources, files), *(fault for each in read for fault in each.faults)]
    faults += [*faults_of(drafts, lost), *star_faults(drafts, lost)]
    checks = Checks(sources, drafts, lost, queries)
    suites = checks.suites(map(Path, sources.files("checks")))
    if faults := sorted({*faults, *checks.faults}):
        raise ProjectError(faults)
    ordered = in_order(drafts)
    if faults := sorted(unmasked(ordered)):
        raise ProjectError(faults)
    assets = {draft.key: _asset(draft) for draft in ordered}
    if faults := sorted(quarantine_faults(assets, suites)):
        raise ProjectError(faults)
    return Project(str(sources.root), with_quarantines(assets, suites), suites)


def _read(path: Path, sources: Sources, modules: Loader, queries: ReadQuery) -> ParsedFile:
    layer = Layer(sources.name(path).split("/")[1])
    if path.suffix == ".py":
        return PythonFile(path, layer, sources, modules).read()
    return read_sql_file(path, layer, sources, queries)


def _asset(draft: AssetDraft) -> Asset:
    declared = draft.declaration
    return Asset(
        key=draft.key,
        code=draft.code,
        write=draft.write,
        inputs=draft.inputs,
        externals=draft.externals,
        renamed_from=declared.renamed_from,
        primary_key=declared.key,
        last_by=declared.keep,
        deleted=declared.deleted,
        at=declared.at,
        track=declared.track,
        deletes=declared.deletes or Deletes.IGNORE,
        layout=draft.layout,
        columns=declared.columns,
        description=draft.description,
        owner=declared.owner,
        tags=declared.tags,
        reads=declared.reads,
        named_files=draft.named_files,
        files=declared.source,
        kind=declared.kind or (AssetKind.MART if draft.key.layer is Layer.GOLD else None),
        new_rows=draft.new_rows,
        new_keys=draft.new_keys,
        on_rewrite=draft.on_rewrite,
        timeline=draft.timeline,
        input_times=draft.input_times,
        freshness=declared.freshness,
        keep_snapshots=declared.keep_snapshots,
        keep_age=declared.keep_age,
        refresh=declared.refresh,
        allow_empty=declared.allow_empty,
        derives=declared.derives,
        limits=declared.limits,
        code_version=draft.code_version,
        source=draft.source,
        examples=tuple(
            replace(each, line=draft.lines.get(f"examples.{each.number}", draft.code.line))
            for each in declared.examples
        ),
    )


def _misplaced(sources: Sources, files: Iterable[Path]) -> Iterator[Fault]:
    """Files in no layer, which would silently define no asset."""
    told: set[str] = set()
    for path in files:
        name = sources.name(path)
        _, folder, *below = name.split("/")
        if below and folder not in list(Layer) and folder not in told:
            told.add(folder)
            hint = did_you_mean(folder, list(Layer), f"the layers are {', '.join(Layer)}; a helper begins with _")
            yield Fault(name, 1, f"layers/{folder}/ is no layer", hint)
        elif not below and path.suffix == ".sql":
            hint = f"move it to layers/<layer>/, where the layers are {', '.join(Layer)}"
            yield Fault(name, 1, "the file stands in no layer", hint)
