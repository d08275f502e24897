"""Every page of the reference project, held and published, as Chromium shows it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo import demo
from lakeflow.ui.app import PAGES
from tests.browser.chromium import Window

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
QUESTIONS = {
    "/query": "?sql=select+origin,+count(*)+as+readings+from+silver.weather+group+by+all+order+by+all",
    "/compare": "?asset=silver.weather&between=main..held",
    "/lineage": "?select=%2Bgold.weather_delays",
}
WIDE, NARROW = (1280, 900), (390, 844)
Opened = Callable[..., Any]


def run_of(window: Window) -> str:
    window.go("/runs")
    return str(window.page.locator("tbody a").first.inner_text())


def paths(run: str) -> list[str]:
    named = {"{asset}": "silver.weather", "{run}": run}
    found = []
    for path in PAGES:
        where = "/quarantine/bronze.bookings" if path == "/quarantine/{asset}" else path
        for name, value in named.items():
            where = where.replace(name, value)
        found.append(where + QUESTIONS.get(path, ""))
    return found


@pytest.fixture
def opened(browser: Any) -> Opened:
    @contextmanager
    def window(address: str, size: tuple[int, int] = WIDE, scheme: str = "light", **more: Any) -> Iterator[Window]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce", **more
        )
        try:
            yield Window(context.new_page(), address)
        finally:
            context.close()

    return window


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide light", "narrow dark"])
def test_every_page_of_the_held_lake_fits_is_quiet_and_hinders_nobody(
    held: str, opened: Opened, size: tuple[int, int], scheme: str
) -> None:
    hindered: dict[str, list[str]] = {}
    with opened(held, size, scheme) as window:
        for path in paths(run_of(window)):
            window.go(path)
            assert window.too_wide() == 0, path
            hindered |= {path: found} if (found := window.hindrances()) else {}
        assert window.wrong == []
    assert hindered == {}


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light")], ids=["wide dark", "narrow light"])
def test_the_pages_that_matter_most_do_so_the_other_way_round(
    held: str, opened: Opened, size: tuple[int, int], scheme: str
) -> None:
    hindered: dict[str, list[str]] = {}
    with opened(held, size, scheme) as window:
        for path in ("/", f"/runs/{run_of(window)}", "/assets/silver.weather", "/lineage"):
            window.go(path)
            assert window.too_wide() == 0, path
            hindered |= {path: found} if (found := window.hindrances()) else {}
        assert window.wrong == []
    assert hindered == {}


def test_from_home_a_newcomer_comes_to_the_rows_that_failed_and_to_what_readers_see(held: str, opened: Opened) -> None:
    with opened(held) as window:
        window.go("/")
        window.page.click("text=Look at the rows")
        said = window.page.inner_text("main")
        assert "1048.36058" in said
        assert "Readers still see" in said
        assert re.search(r"lakeflow retry \w+", said)
        window.page.click("text=Compare the rows with main")
        assert "added" in window.page.inner_text("main")
        assert window.wrong == []


def test_a_page_says_the_same_without_javascript(held: str, opened: Opened) -> None:
    with opened(held) as window:
        addresses = paths(run_of(window))
    with opened(held, java_script_enabled=False) as window:
        for path in addresses:
            window.go(path)
            assert "The same:" in window.page.inner_text("footer"), path
        window.go("/")
        window.page.click("text=Look at the rows")
        assert "1048.36058" in window.page.inner_text("main")


def test_a_slash_jumps_to_the_field_and_a_selection_narrows_the_page(held: str, opened: Opened) -> None:
    with opened(held) as window:
        window.go("/")
        window.page.keyboard.press("/")
        window.page.keyboard.type("silver.* and status:held")
        window.page.keyboard.press("Enter")
        window.page.wait_for_url("**/?select=*")
        assert "Selected 1 of" in window.page.inner_text("main")
        assert window.page.locator(".layer .row").count() == 1


def test_pointing_at_a_table_shows_what_it_is_made_from_and_what_rests_on_it(held: str, opened: Opened) -> None:
    with opened(held) as window:
        window.go("/lineage")
        window.page.hover('.box[data-name="silver.weather"]')
        lit = set(window.page.eval_on_selector_all(".box.on", "all => all.map((each) => each.dataset.name)"))
        assert {"bronze.weather", "silver.weather", "gold.weather_delays"} <= lit
        assert "silver.airports" not in lit


def test_the_pictures_of_the_page_on_the_browser_are_of_today(held: str, opened: Opened, tmp_path: Path) -> None:
    """Who sets LAKEFLOW_TEST_PICTURES=write puts them into the docs."""
    folder = PICTURES if os.environ.get("LAKEFLOW_TEST_PICTURES") == "write" else tmp_path
    folder.mkdir(exist_ok=True)
    with opened(held, (1280, 760)) as window:
        shown = {"home": "/", "held": f"/runs/{run_of(window)}", "lineage": "/lineage?select=%2Bgold.weather_delays"}
        for name, path in shown.items():
            window.go(path)
            window.page.screenshot(path=folder / f"ui-{name}.png")
    page = (PICTURES.parent / "ui.md").read_text(encoding="utf-8")
    for name in shown:
        assert f"(pictures/ui-{name}.png)" in page
        assert (PICTURES / f"ui-{name}.png").stat().st_size > 10_000


def test_every_page_of_the_mended_and_published_lake_is_quiet(held: str, opened: Opened) -> None:
    demo.weather_as_of("february")
    demo.run("retry")
    with opened(held) as window:
        run = run_of(window)
        window.go("/")
        assert "decision" not in window.page.inner_text("h1")
        for path in (each for each in paths(run) if "held" not in each):
            window.go(path)
            assert window.too_wide() == 0, path
        assert window.wrong == []
