"""The site: every page of `docs/` is on the way of a reader, and what is built needs nothing from elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT
from tests.docs.public_names import OUTSIDE, documented, functions

CONFIGURATION: Final = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
_LOADS: Final = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}


NAVIGATION: Final = CONFIGURATION.partition("\nnav:")[2]


def in_navigation() -> list[str]:
    return re.findall(r"([\w/.-]+\.md)\n", NAVIGATION)


def test_every_page_of_docs_is_in_the_navigation_once() -> None:
    """The decisions come after their table, which lists each of them."""
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    decisions = {page for page in pages if re.match(r"decisions/\d", page)}
    root = {"CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert sorted(in_navigation()) == sorted(pages - decisions | root)


def test_the_navigation_goes_from_a_start_to_the_decisions() -> None:
    assert re.findall(r"^  - (\w+):$", NAVIGATION, re.MULTILINE) == [
        "Start",
        "Concepts",
        "Guides",
        "Reference",
        "Decisions",
    ]


def test_a_broken_link_fails_the_build() -> None:
    assert "\nstrict: true\n" in CONFIGURATION
    assert CONFIGURATION.count("warn") == 7


class Loaded(HTMLParser):
    """What a browser fetches for a page, beside the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _LOADS and given.get("rel") not in {"canonical", "next", "prev"}:
            self.found.add(given.get(_LOADS[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def inventory(site: Path) -> Iterator[str]:
    """The names that have an entry, as the site tells other sites."""
    packed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    yield from (line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines())


@pytest.mark.long
def test_every_public_name_and_method_has_an_entry(site: Path) -> None:
    told = set(inventory(site))
    named = ("lakeflow.Lake.", *(f"{module}." for module in OUTSIDE))
    methods = {name for name, _ in functions() if name.startswith(named)}
    assert {*documented(), *methods} - told - OUTSIDE.keys() == set()


@pytest.mark.long
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        outside = [each for each in parser.found if re.match(r"(?:https?:)?//", each)]
        assert outside == [], page.name
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"""(?:url\(|@import )["']?(?:https?:)?//[^)"']*""", styles) == []


@pytest.mark.long
def test_the_search_knows_every_page(site: Path) -> None:
    told = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    known = {entry["location"].partition("#")[0] for entry in told}
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")} - {"404.html"}
    assert known == pages


@pytest.mark.long
def test_the_page_of_a_decision_says_what_was_decided_in_the_navigation(site: Path) -> None:
    start = (site / "decisions/index.html").read_text(encoding="utf-8")
    assert "0001 Nothing reaches main that was not audited as that very snapshot" in start


def test_what_the_site_is_made_with_is_an_extra_and_locked() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement in extras["docs"]:
        name = re.match(r"[\w-]+", requirement)
        assert name is not None
        assert f"\n{name[0]}==" in lock
