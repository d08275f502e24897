"""Completes asset names in the shell. It looks at the files without loading the project.

A person waits at every press of Tab, so nothing is imported here but click and the standard library.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

LAYERS: Final = ("bronze", "silver", "gold")
_BEFORE: Final = re.compile(r"(?:.*[(,])?(?:\d*\+)?")
"""What may precede a name in a selection: `2+`, `+`, and other terms that a comma or parenthesis ends."""


def complete_asset(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names that begin with the word; what precedes the name in a selection is kept."""
    folder = Path(context.find_root().params.get("project") or ".")
    before = matched.group() if (matched := _BEFORE.match(incomplete)) else ""
    return [before + name for name in asset_names(folder) if (before + name).startswith(incomplete)]


def complete_column(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """As `complete_asset`; with `--columns`, behind the name of an asset its columns, as far as its file names them."""
    found = complete_asset(context, parameter, incomplete)
    asset, dot, _ = incomplete.rpartition(".")
    if not context.params.get("columns") or asset.count(".") != 1 or not dot:
        return found
    folder = Path(context.find_root().params.get("project") or ".")
    return [
        *found,
        *(name for each in column_names(folder, asset) if (name := f"{asset}.{each}").startswith(incomplete)),
    ]


def asset_names(start: Path) -> list[str]:
    """`layer.name` of every asset that the files of the project around `start` seem to define; none without a project.
    A broken file defines none.
    """
    root = _root(start)
    found = {name for layer in LAYERS for name in _names_in(root / "layers" / layer, layer)} if root else set()
    return sorted(found)


def column_names(start: Path, asset: str) -> list[str]:
    """The columns of an asset that its file names: declared, landed, or given a name with AS; a guess that is quick."""
    layer, _, name = asset.partition(".")
    root = _root(start)
    files = (root / "layers" / layer).rglob(f"{name}.*") if root else ()
    found = dict.fromkeys(each for file in files if file.suffix in {".sql", ".py"} for each in _columns_in(_text(file)))
    return list(found)


_DECLARED: Final = re.compile(r"^\[columns\.([A-Za-z_]\w*)\]", re.MULTILINE)
_LISTED: Final = re.compile(r"^columns\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_NAMED: Final = re.compile(r"\bas\s+([A-Za-z_]\w*)\s*(?=,|\n|\bfrom\b)", re.IGNORECASE)


def _columns_in(text: str) -> Iterator[str]:
    yield from _DECLARED.findall(text)
    for listed in _LISTED.findall(text):
        yield from re.findall(r"[\"']([A-Za-z_]\w*)[\"']", listed)
    yield from _NAMED.findall(text)


def _root(start: Path) -> Path | None:
    """The root, found as a load finds it: the nearest that declares itself, otherwise the nearest with layers/."""
    folders = [start.absolute(), *start.absolute().parents]
    declared = (folder for folder in folders if "[tool.lakeflow" in _text(folder / "pyproject.toml"))
    return next(declared, None) or next((folder for folder in folders if (folder / "layers").is_dir()), None)


def _names_in(folder: Path, layer: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] not in "._"]
        for file in files:
            if file.endswith(".sql") and file[0] != ".":
                yield f"{layer}.{file.removesuffix('.sql')}"
            elif file.endswith(".py") and file[0] not in "._":
                yield from (f"{layer}.{name}" for name in _functions(_text(Path(place, file))))


def _functions(text: str) -> Iterator[str]:
    """The functions under `@asset`, `@asset(…)` or `@lakeflow.asset(…)`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(map(_declares, node.decorator_list)):
            yield node.name


def _declares(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(called, "id", getattr(called, "attr", None)) == "asset"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
