"""What the site is besides `docs/`: pages of the repository's root, and the decisions in the order of their table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
FROM_THE_ROOT: Final = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Files beside `docs/`, which are pages of the site as well."""

_ROW: Final = re.compile(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation ends with the decisions, each by its number and what it says."""
    table = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    assert config.nav is not None
    decisions: list[Any] = config.nav[-1]["Decisions"]
    for number, file, says in _ROW.findall(table):
        decisions.append({f"{number} {says.replace('`', '')}": f"decisions/{file}"})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages of the root stand beside those of `docs/`, and so do their links."""
    for name in FROM_THE_ROOT:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text.replace("](docs/", "](")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """A link from `docs/` up to a file of the root leads to its page. A search finds instructions before arguments."""
    if page.file.src_uri.startswith("decisions/"):
        page.meta["search"] = {"boost": 0.2}
    names = "|".join(map(re.escape, FROM_THE_ROOT))
    return re.sub(rf"\]\(\.\./((?:\.\./)*(?:{names}))", r"](\1", markdown)
