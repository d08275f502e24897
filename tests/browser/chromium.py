"""Chromium, driven as a person would use it, and what went wrong while it was."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

REQUIRED: Final = "LAKEFLOW_TEST_BROWSER"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE: Final = 180_000
"""Milliseconds, for a machine that has much else to do."""
_AXE: Final = """async (rules) => (await axe.run(document, {resultTypes: ["violations"], ...rules})).violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.html).join(" ")}`)"""


def missing() -> str:
    """Why no browser can be driven here; empty when one can."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: `make test-browser` does it"
    return "" if program() else f"there is no Chromium: none of {', '.join(_NAMES)} is on the path"


def program() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def started() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to be root in a sandbox
        browser = playwright.chromium.launch(executable_path=program(), args=options)
        yield browser
        browser.close()


ALL: Final[Mapping[str, object]] = {}
COLOURS: Final[Mapping[str, object]] = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""The rule that comes out in another way where only light and dark differ."""


@dataclass
class Window:
    """One window on a server. `wrong` is what a person would find in its console, and what it asked elsewhere."""

    page: Any
    base: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(_PATIENCE)  # the first question for rows starts a process
        self.page.on("console", lambda said: self._said(said.type, said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def go(self, path: str) -> None:
        answer = self.page.goto(self.base.rstrip("/") + path)
        assert answer is not None
        assert answer.status == 200, path
        self.page.wait_for_load_state("load")

    def too_wide(self) -> int:
        """By how many pixels the page is wider than its window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return max(found, 0)

    def show_in(self, scheme: str) -> None:
        """Light or dark, as the person prefers from now on."""
        self.page.emulate_media(color_scheme=scheme)

    def hindrances(self, rules: Mapping[str, object] = ALL) -> list[str]:
        """What axe finds by these rules that would keep somebody from using the page."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(_AXE, rules)
        return found

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.wrong.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.base).netloc:
            self.wrong.append(f"asked {url}")
