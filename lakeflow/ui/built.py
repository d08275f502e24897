"""The pages as files: a catalogue for a bucket or a site, which shows no row of any table."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

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


def build(kept: SeenLake, directory: Path) -> tuple[Path, ...]:
    """Write the site, and return its files. What an earlier build wrote there is replaced.

    UsageError for a folder that holds anything else.
    """
    glance = kept.glance()
    pages = dict(_pages(glance))
    texts: dict[str, bytes] = {f"static/{name}": content for name, (content, _) in files_as_they_are().items()}
    for address, (path, asked) in pages.items():
        page = PAGES[path](glance, asked)
        text = html_of(page, kept.root.name, address, still=True)
        texts[_file(address)] = _relative(text, address, pages).encode()
        texts[_twin(address)] = (enveloped(page.command[0], page.data()) + "\n").encode()
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


def _written(directory: Path, texts: Mapping[str, bytes]) -> tuple[Path, ...]:
    if directory.exists():
        if not directory.is_dir() or (any(directory.iterdir()) and not (directory / _MARK).is_file()):
            raise UsageError(f"{directory} holds something else than a site of ours", hint="name a new or empty folder")
        for name in (directory / _MARK).read_text(encoding="utf-8").splitlines() if any(directory.iterdir()) else ():
            if name not in texts and _is_within(directory, name):
                (directory / name).unlink(missing_ok=True)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MARK).write_text("".join(f"{name}\n" for name in sorted(texts)), encoding="utf-8")
    for name, content in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_bytes(content)
        beside.replace(path)
    return tuple(directory / name for name in sorted(texts))


def _is_within(directory: Path, name: str) -> bool:
    """A list that somebody changed names no file of elsewhere."""
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts and bool(name)
