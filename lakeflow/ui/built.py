"""The pages as files: a catalogue for a bucket or a site, which shows no row of any table."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from lakeflow.adapters.duckdb.export.place import made_apart, put_in_place
from lakeflow.as_json.envelope import enveloped
from lakeflow.core.errors import UsageError
from lakeflow.core.model.quarantine import owner_of
from lakeflow.ui.app import PAGES, files_as_they_are, html_of
from lakeflow.ui.kept import Glance, SeenLake
from lakeflow.ui.pages.asked import PageRequest

_SHOWN: Final = (
    "/",
    "/assets/{asset}",
    "/assets/{asset}/snapshots",
    "/assets/{asset}/checks",
    "/assets/{asset}/lineage",
    "/assets/{asset}/code",
    "/lineage",
    "/log",
)
"""The pages without rows: those of runs, of data and of quarantines show some."""
_LINK: Final = re.compile(r'\b(?P<what>href|src)="(?P<to>/[^"]*)"')
_MARK: Final = ".lakeflow-site"
_HINT: Final = (
    "name a new folder, or one that a build wrote alone; from there it may be copied to where other files are"
)


def build(kept: SeenLake, directory: Path) -> tuple[Path, ...]:
    """Write the site, and return its files. What an earlier build wrote there is replaced at once, when all of the new
    is written.

    UsageError for a folder that holds anything else.
    """
    glance = kept.glance()
    pages = dict(_pages(glance))
    texts: dict[str, bytes] = {f"static/{name}": content for name, (content, _) in files_as_they_are().items()}
    for address, (path, asked) in pages.items():
        page = replace(PAGES[path](glance, asked), at=glance.at)
        text = html_of(page, kept, address, still=True)
        texts[_file(address)] = _relative(text, address, pages).encode()
        texts[_twin(address)] = (enveloped(page.command[0], _without_rows(page.data())) + "\n").encode()
    return _written(directory, texts)


def _pages(glance: Glance) -> Iterator[tuple[str, tuple[str, PageRequest]]]:
    assets = [str(key) for key in glance.outlook.statuses if owner_of(key) is None]
    for path in (each for each in _SHOWN if each in PAGES):
        for name in assets if "{asset}" in path else [""]:
            yield path.replace("{asset}", name), (path, PageRequest({"asset": name}))


def _file(address: str) -> str:
    return str(PurePosixPath(address.lstrip("/"), "index.html"))


def _twin(address: str) -> str:
    return f"{address.strip('/')}.json" if address != "/" else "index.json"


def _relative(text: str, address: str, pages: Mapping[str, object]) -> str:
    """The page with links from where it stands, so that the site may lie below any address. What leads to a page that
    is not there leads nowhere.
    """
    here = posixpath.dirname(_file(address))

    def link(found: re.Match[str]) -> str:
        path, mark, rest = found["to"].partition("#")
        if path in pages:
            target = _file(path)
        elif path.startswith("/static/") or path == ("/index.json" if address == "/" else f"{address}.json"):
            target = path.lstrip("/")
        else:
            return ""
        return f'{found["what"]}="{posixpath.relpath(target, here or ".")}{mark}{rest}"'

    return _LINK.sub(link, text)


def _without_rows(told: Any) -> Any:
    """The answer without the rows that a check has found: their number stays."""
    if isinstance(told, Mapping):
        return {name: [] if name == "samples" else _without_rows(value) for name, value in told.items()}
    return [_without_rows(each) for each in told] if isinstance(told, (list, tuple)) else told


def _written(directory: Path, texts: Mapping[str, bytes]) -> tuple[Path, ...]:
    """The site is written apart, and takes the place of the one before as a whole: nobody reads half of each."""
    place = directory.resolve()
    if stranger := next(_strangers(place), None):
        raise UsageError(f"{directory} holds something else than a site of ours: {stranger}", hint=_HINT)
    place.parent.mkdir(parents=True, exist_ok=True)
    marked = {**texts, _MARK: "".join(f"{name}\n" for name in sorted(texts)).encode()}
    with made_apart(place) as made:
        for name, content in marked.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        put_in_place(made, place)
    return tuple(directory / name for name in sorted(texts))


def _strangers(place: Path) -> Iterator[str]:
    """What stands there and is of no earlier build, as far as the list says that such a build left."""
    if not place.exists():
        return
    if not place.is_dir():
        yield place.name
        return
    mark = place / _MARK
    ours = {_MARK, *mark.read_text(encoding="utf-8").splitlines()} if mark.is_file() else set()
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        if name not in ours and not path.is_dir():
            yield name
