"""A checkout held against the project as a commit has it: code against code, whatever was built of either."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from lakeflow.adapters.machine.git_commit import commit_named, write_code
from lakeflow.core.errors import ProjectError, UsageError
from lakeflow.core.review.against import changes
from lakeflow.core.review.change import Changes
from lakeflow.core.review.sides import BothSides, Checkout, MainSide
from lakeflow.core.version.salt import with_salt
from lakeflow.lake.binding import Binding, bound, published_tables
from lakeflow.lake.column_lineage import column_graph
from lakeflow.project import cache_folder, look

if TYPE_CHECKING:
    from lakeflow.core.errors import Fault
    from lakeflow.core.keys import AssetKey
    from lakeflow.core.model.asset import Project
    from lakeflow.core.settings.settings import Settings
    from lakeflow.lake.diagnosis import Patient


def against_commit(project: Project, patient: Patient, ref: str, faults: Sequence[Fault]) -> Changes:
    """`faults` are those of the checkout's files. Tables, if there are any, only tell columns of the code that made
    them; the settings are today's on both sides. UsageError for a ref that git does not know, and for a commit whose
    project does not load.
    """
    then = _project_at(project, patient.settings, ref)
    seen, seen_then = published_tables(patient, project), published_tables(patient, then)
    found, found_then = bound(project, seen), bound(then, seen_then)
    told = tuple(dict.fromkeys((*faults, *found.faults)))
    checkout = Checkout(project, found.schemas, column_graph(project, seen, {}), told)
    renames = _renames(project, then)
    names = {old: new for new, old in renames.items()}
    graph = column_graph(then, seen_then, {}).renamed({str(old): str(new) for old, new in names.items()})
    gone = [key for key in then.assets if key not in project.assets and key not in names]
    return changes(BothSides(_sides(project, then, found_then, names), graph, checkout, renames, gone, ref))


def _project_at(project: Project, settings: Settings, ref: str) -> Project:
    root = Path(project.root)
    commit = commit_named(root, ref)
    with TemporaryDirectory(prefix="lakeflow-") as folder:
        write_code(root, commit, Path(folder))
        try:
            found = look(Path(folder), cache_folder(root, settings, os.environ), None, settings.engines)
        except ProjectError as error:
            first = error.faults[0]
            raise UsageError(
                f"the project at {ref} does not load: {first}",
                hint="compare with a commit at which `lakeflow check` passes",
            ) from error
    return with_salt(replace(found, root=project.root), os.environ)


def _renames(project: Project, then: Project) -> Mapping[AssetKey, AssetKey]:
    return {
        key: asset.renamed_from
        for key, asset in project.assets.items()
        if asset.renamed_from in then.assets and asset.renamed_from and key not in then.assets
    }


def _sides(
    project: Project, then: Project, found: Binding, names: Mapping[AssetKey, AssetKey]
) -> Mapping[AssetKey, MainSide]:
    """The assets of the commit, by today's names."""
    return {
        today: MainSide(
            found.schemas.get(key), asset.code_version, asset.source, tuple(map(str, asset.inputs.values()))
        )
        for key, asset in then.assets.items()
        if (today := names.get(key, key)) in project.assets
    }
