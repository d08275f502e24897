"""The home page of a lake with 1,000 assets, as Chromium shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.browser.chromium import Window
from tests.browser.conftest import PATIENT
from tests.cli.test_commands import make
from tests.ui.served import served

ASSETS: Final = 1_000
SAID: Final = "bronze.t99*"
_MOST: Final = 150_000


def metrics(session: Any) -> dict[str, float]:
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def test_a_key_in_the_filter_of_a_thousand_assets_costs_next_to_nothing(browser: Any, tmp_path: Path) -> None:
    """No script and no layout follows a key: the server narrows the page, when somebody presses Enter."""
    root = make(tmp_path, {f"layers/bronze/t{number}.sql": f"select {number} as id" for number in range(ASSETS)})
    with served(root, *PATIENT) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        try:
            window = Window(context.new_page(), address)
            session = context.new_cdp_session(window.page)
            session.send("Performance.enable")
            session.send("Network.enable")
            sent: list[float] = []
            session.on("Network.loadingFinished", lambda said: sent.append(said["encodedDataLength"]))
            window.go("/")
            window.page.wait_for_load_state("networkidle")
            assert window.page.locator("a.row").count() == ASSETS
            assert 0 < sum(sent) < _MOST
            window.page.keyboard.press("/")
            before = metrics(session)
            window.page.keyboard.type(SAID)
            after = metrics(session)
            for kind in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration"):
                assert (after[kind] - before[kind]) / len(SAID) < 0.1, kind
            assert window.page.locator("a.row").count() == ASSETS
            window.page.keyboard.press("Enter")
            window.page.wait_for_url("**/?select=*")
            assert window.page.locator("a.row").count() == 11
            assert window.wrong == []
        finally:
            context.close()
