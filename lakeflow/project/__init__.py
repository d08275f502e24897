"""Turns files into values: finds the root, reads its settings, loads `layers/` and `checks/`.

Every fault of a file is found here, with path, line and hint, and all faults are reported together.
"""

from pathlib import Path

from lakeflow.core.declare.particular.engine_laws import DUCKDB_RUNS, EngineDefaults
from lakeflow.core.model.asset import Project, PythonCode
from lakeflow.project.configure import cache_folder, find_root, kept_file, load_settings
from lakeflow.project.kept import KEPT, KeptProject

__all__ = ["KEPT", "cache_folder", "find_root", "kept_file", "load", "load_once", "load_settings", "look"]


def load(
    root: Path, cache: Path | None = None, kept: Path | None = None, engines: EngineDefaults = DUCKDB_RUNS
) -> Project:
    """The project at `root`, assets in dependency order. ProjectError holds all faults of all files.

    Python files below `layers/` are imported, check files are only read. A file is read once, so the text that was
    fingerprinted is the one that ran. The folder `cache` keeps what was read from SQL, the file `kept` what was loaded
    last. `engines` run assets that do not say what runs them.
    """
    known = KeptProject(root.resolve(), kept, engines)
    project = known.read()
    if project is not None and not any(isinstance(asset.code, PythonCode) for asset in project.assets.values()):
        return project
    from lakeflow.project.loading import executed  # noqa: PLC0415 - what is kept needs none of what reads files

    return executed(known, cache)


def load_once(
    root: Path, cache: Path | None = None, kept: Path | None = None, engines: EngineDefaults = DUCKDB_RUNS
) -> Project:
    """The project as of `load`, for who leaves its functions to processes that import them themselves.

    Python files that only define names, and have run as they stand and with the libraries that are there now, are not
    run again; then the code of an asset raises. ProjectError as above.
    """
    known = KeptProject(root.resolve(), kept, engines)
    if (project := known.read(having_run=True)) is not None:
        return project
    return load(root, cache, kept, engines)


def look(
    root: Path, cache: Path | None = None, kept: Path | None = None, engines: EngineDefaults = DUCKDB_RUNS
) -> Project:
    """The project for looking at it: Python files are read and not run, where their text tells every asset.

    The code of an asset that was only read raises. ProjectError as above, except for faults that only running a file
    shows.
    """
    known = KeptProject(root.resolve(), kept, engines)
    if (project := known.read()) is not None:
        return project
    from lakeflow.project.loading import unexecuted  # noqa: PLC0415 - as above

    return unexecuted(known, cache)
