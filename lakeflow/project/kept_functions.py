"""Makes a function of the text that the ledger keeps, in the process that runs it.

The text stands for its file in a root that is on no disk. It is read as the project's own files are, and what comes of
it must have the version that is recorded: else the text is not all that ran.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lakeflow.core.errors import CodeNotKeptError
from lakeflow.core.kept.function import KeptText, kept_text
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.version.fingerprint import fingerprint, python_source, salted
from lakeflow.core.version.reachable_code import FunctionNode, reach
from lakeflow.project.modules import Modules
from lakeflow.project.python_files import PythonFile
from lakeflow.project.sources import ModuleLocation, Sources, UnreadableError


def kept_function(asset: Asset) -> Asset:
    """The asset with the function that its source tells. CodeNotKeptError where that is not the function of then."""
    document = json.loads(asset.source)
    sources, path = _files(kept_text(document, asset.key.name), asset)
    read = _whole if kept_text(document, asset.key.name).whole else _plain
    try:
        function, source = read(asset, sources, path, document)
    except CodeNotKeptError:
        raise
    except UnreadableError as error:
        raise _not_kept(asset, error.fault.message) from None
    except (Exception, SystemExit) as error:
        raise _not_kept(asset, f"its text does not load today: {type(error).__name__}") from error
    if fingerprint(source) != fingerprint(salted(asset.source, "")):
        raise _not_kept(asset, "its text is not all that ran")
    code = PythonCode(function, f"{asset.code.path} of then", asset.code.line, kept=True, engine=asset.engine)
    return replace(asset, code=code)


def _not_kept(asset: Asset, why: str) -> CodeNotKeptError:
    return CodeNotKeptError(why, asset=asset.key)


class _KeptSources(Sources):
    """Files that are nowhere but here: no text is read from a disk, and no module is found there."""

    def locate(self, dotted: str) -> ModuleLocation | None:
        file, below = self.root.joinpath(*dotted.split(".")), f"{dotted}."
        folder = file if any(name.startswith(below) for name in self._names()) else None
        known = [place for place in (file.with_suffix(".py"), file / "__init__.py") if place in self._texts]
        return ModuleLocation(known[0] if known else None, folder) if known or folder else None

    def _names(self) -> list[str]:
        return [".".join(path.relative_to(self.root).with_suffix("").parts) for path in self._texts]

    def _read(self, path: Path) -> str:
        raise FileNotFoundError(path)


def _files(kept: KeptText, asset: Asset) -> tuple[_KeptSources, Path]:
    root = Path("/", "kept", asset.code_version)
    path = root / Path(asset.code.path).with_suffix(".py")
    texts = {root.joinpath(*_file(name, kept.modules)): text for name, text in kept.modules.items()}
    return _KeptSources(root, _texts={**texts, path: kept.text}), path


def _file(name: str, modules: Mapping[str, str]) -> tuple[str, ...]:
    parts = name.split(".")
    if any(each.startswith(f"{name}.") for each in modules):
        return (*parts, "__init__.py")
    return (*parts[:-1], f"{parts[-1]}.py")


def _plain(asset: Asset, sources: Sources, path: Path, document: Mapping[str, Any]) -> tuple[Callable[..., Any], str]:
    """The function that stands plainly in the text, and the source of what was made of it."""
    tree = sources.tree(path)
    (node,) = (each for each in tree.body if isinstance(each, FunctionNode) and each.name == asset.key.name)
    module = Modules(sources).load(_dotted(sources, path))
    reached = reach(sources.text(path), tree, node)
    modules = {name: sources.text(file) for name, file in sources.modules(reached.imports, path).items()}
    source = python_source(document["fields"], reached.code, modules, {})
    return getattr(module, asset.key.name), source


def _whole(asset: Asset, sources: Sources, path: Path, document: Mapping[str, Any]) -> tuple[Callable[..., Any], str]:
    """The asset that the whole file declares, with its function and its source."""
    read = PythonFile(path, asset.key.layer, sources, Modules(sources)).read()
    for draft in read.drafts:
        if draft.key == asset.key and isinstance(draft.code, PythonCode):
            return draft.code.function, draft.source
    raise _not_kept(asset, read.faults[0].message if read.faults else "its text does not declare it")


def _dotted(sources: Sources, path: Path) -> str:
    return ".".join(path.relative_to(sources.root).with_suffix("").parts)
