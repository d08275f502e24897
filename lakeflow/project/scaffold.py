"""Makes a new project from the templates in `lakeflow/templates`: a small lake that works at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.project.distribution import PackageSource, source

NEXT: Final = (
    "lakeflow show silver.readings --ref held --failing",
    "cp mended/readings.sql layers/silver/readings.sql",
    "lakeflow retry",
)
"""How to understand and repair the audit failure of the sample's first run."""

_SUFFIX: Final = ".tmpl"  # no tool may mistake a template for a file of this package


class Sample(StrEnum):
    """What a new project begins with: the sample, or only the files and folders that every project has. A project that
    is there already gets nothing but its workflows.
    """

    SMALL = "small"
    NONE = "none"
    THERE = "there"


class Workflows(StrEnum):
    """Whose continuous integration gets files."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BOTH = "both"
    NONE = "none"


_KEEP: Final = ".gitkeep"
_OF_EVERY_PROJECT: Final = ("pyproject.toml", ".gitignore")
_WORKFLOWS: Final = {Workflows.GITHUB: ".github/workflows/lake.yml", Workflows.GITLAB: ".gitlab-ci.yml"}
_FOLDERS: Final = ("layers/bronze", "layers/silver", "layers/gold", "checks", "data")


def is_project(directory: Path) -> bool:
    return (directory / "layers").is_dir()


def scaffold(directory: Path, sample: Sample = Sample.SMALL, workflows: Workflows = Workflows.BOTH) -> tuple[str, ...]:
    """Make a project there. Returns the files that were written, relative to it.

    UsageError when one of them exists already, or cannot be written; then none is left behind.
    """
    ours = source()
    templates = _below(files("lakeflow").joinpath("templates"), "")
    every = {path: _filled(text, directory, ours).encode() for path, text in templates}
    texts = {path: every[path] for path in _chosen(every, sample, workflows)}
    if sample is Sample.NONE:
        texts |= {f"{each}/{_KEEP}": b"" for each in _FOLDERS}
    if ours.wheel and (sample is Sample.SMALL or texts.keys() & set(_WORKFLOWS.values())):
        texts |= [ours.wheel]
    if existing := [path for path in texts if (directory / path).exists()]:
        hint = "name a new folder: `lakeflow init my-lake`"
        raise UsageError(
            f"{directory / existing[0]} exists already; nothing was written",
            hint="move it away, and put together what it has with what is written" if sample is Sample.THERE else hint,
        )
    _write_all(directory, texts)
    return tuple(texts)


def _chosen(every: Iterable[str], sample: Sample, workflows: Workflows) -> Iterator[str]:
    """The files of a project, in their order."""
    asked = {path for whose, path in _WORKFLOWS.items() if workflows in {whose, Workflows.BOTH}}
    for path in every:
        if path in _WORKFLOWS.values():
            wanted = path in asked
        else:
            wanted = sample is Sample.SMALL or (sample is Sample.NONE and path in _OF_EVERY_PROJECT)
        if wanted:
            yield path


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX), entry.read_text("utf-8")


def _filled(text: str, directory: Path, ours: PackageSource) -> str:
    values = {
        "name": directory.resolve().name,
        "lakeflow": ours.requirement,
        "lakeflow_postgres": ours.with_extra("postgres"),
        "commands": "\n".join(NEXT),
    }
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _write_all(directory: Path, texts: dict[str, bytes]) -> None:
    written: list[Path] = []
    for path in map(directory.joinpath, texts):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(texts[path.relative_to(directory).as_posix()])
        except OSError as error:
            for made in written:
                made.unlink(missing_ok=True)
            raise UsageError(
                f"cannot write {path}: {error.strerror}", hint="name a folder that you may write"
            ) from error
