"""Every page of the reference project, held and published, as Chromium shows it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.drawing.svg import svg_within
from lakeflow.ui.app import PAGES
from tests.browser.chromium import COLOURS, Window
from tests.drawing.pictures import random_drawing

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
QUESTIONS = {
    "/query": "?sql=select+origin,+count(*)+as+readings+from+silver.weather+group+by+all+order+by+all",
    "/compare": "?asset=silver.weather&between=main..held",
    "/lineage": "?select=%2Bgold.weather_delays",
}
WIDE, NARROW = (1280, 900), (390, 844)
Opened = Callable[..., Any]
_DRAW = """(svg) => {
    const drawing = document.querySelector(".drawing").cloneNode();
    drawing.innerHTML = svg;
    document.querySelector(".drawing").replaceWith(drawing);
    drawing.dispatchEvent(new CustomEvent("htmx:afterSwap", {bubbles: true}));
}"""
_POINT = """async ([name]) => {
    const drawing = document.querySelector(".drawing");
    let touched = 0;
    const count = (changes) => { touched += changes.length; };
    const watch = new MutationObserver(count);
    watch.observe(drawing, {attributes: true, childList: true, characterData: true, subtree: true});
    const box = name && [...drawing.querySelectorAll(".box")].find((each) => each.dataset.name === name);
    if (box) box.firstElementChild.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
    else drawing.dispatchEvent(new MouseEvent("mouseleave"));
    count(watch.takeRecords());
    watch.disconnect();
    return [drawing.querySelectorAll(".on").length, touched];
}"""


def run_of(window: Window) -> str:
    window.go("/runs")
    return str(window.page.locator("tbody a").first.inner_text())


def paths(run: str) -> list[str]:
    """Every kind of page."""
    found = []
    for path in PAGES:
        asset = "bronze.bookings" if path == "/quarantine/{asset}" else "silver.weather"
        found.append(path.replace("{asset}", asset).replace("{run}", run) + QUESTIONS.get(path, ""))
    return found


def other_paths(window: Window) -> list[str]:
    """The pages of all other assets and runs."""
    window.go("/")
    assets = window.page.eval_on_selector_all("a.row", "all => all.map((each) => each.getAttribute('href'))")
    window.go("/runs")
    runs = window.page.eval_on_selector_all("tbody a", "all => all.map((each) => each.getAttribute('href'))")
    assert len(assets) > 20
    found = [asset + path.removeprefix("/assets/{asset}") for asset in assets for path in PAGES if "/{asset}" in path]
    found = [each for each in found if "/quarantine/" not in each]
    return [*found, *(each + more for each in runs if each.startswith("/runs/") for more in ("", "/log"))]


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


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("state", ["held", "published"])
def test_every_page_fits_is_quiet_and_hinders_nobody(
    request: pytest.FixtureRequest, opened: Opened, state: str, size: tuple[int, int]
) -> None:
    """Every kind of page in each of these ways, light and dark, of which a wide one is loaded in light and a narrow
    one in dark; and the pages of all other assets by turns, each in one of these ways.
    """
    address: str = request.getfixturevalue(state)
    turn = 2 * (state == "held") + (size == WIDE)
    loaded, then = ("light", "dark") if size == WIDE else ("dark", "light")
    amiss: list[str] = []
    with opened(address, size, loaded) as window:
        kinds = [each if state == "held" else each.replace("main..held", "") for each in paths(run_of(window))]
        for path in kinds:
            window.show_in(loaded)
            window.go(path)
            amiss += [f"{path}: {found}" for found in window.hindrances()]
            amiss += [f"{path} is wider than its window"] if window.too_wide() else []
            window.show_in(then)
            amiss += [f"{path}, {then}: {found}" for found in window.hindrances(COLOURS)]
        for at, path in enumerate(other_paths(window)[turn::4]):
            window.show_in(loaded if at % 2 else then)
            window.go(path)
            amiss += [f"{path}: {found}" for found in window.hindrances()]
            amiss += [f"{path} is wider than its window"] if window.too_wide() else []
        assert window.wrong == []
    assert amiss == []


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


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_first_click_shows_the_row_that_failed_without_scrolling(
    held: str, opened: Opened, size: tuple[int, int]
) -> None:
    with opened(held, size) as window:
        window.go("/")
        window.page.click("text=Look at the rows")
        for said in ("What failed in silver.weather", "Readers still see s", "1048.36058"):
            box = window.page.locator(f"text={said}").first.bounding_box()
            assert box is not None, said
            assert 0 <= box["y"] < box["y"] + box["height"] <= size[1], said


def test_an_asset_leads_to_its_snapshots_checks_rows_lineage_and_code(held: str, opened: Opened) -> None:
    with opened(held) as window:
        window.go("/")
        window.page.click("a.row[href='/assets/silver.weather']")
        for tab in ("Snapshots", "Checks", "Data", "Lineage", "Code", "Read elsewhere", "Overview"):
            window.page.click(f".tabs >> text={tab}")
            window.page.wait_for_selector(f".tabs a[aria-current=page]:text-is('{tab}')")
        assert window.wrong == []


def test_a_command_is_copied_as_it_is_typed(held: str, opened: Opened) -> None:
    with opened(held, permissions=["clipboard-read", "clipboard-write"]) as window:
        run = run_of(window)
        window.go("/")
        window.page.click(f"[aria-label='copy lakeflow retry {run}']")
        window.page.wait_for_selector("text=copied")
        assert window.page.evaluate("navigator.clipboard.readText()") == f"lakeflow retry {run}"


def test_at_night_the_page_is_dark(held: str, opened: Opened) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        with opened(held, scheme=scheme) as window:
            window.go("/")
            grounds.append(window.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, re.findall(r"\d+", each))) for each in grounds)
    assert dark < 200
    assert light > 600


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
        faded = "all => all.map((each) => getComputedStyle(each).opacity)"
        assert set(window.page.eval_on_selector_all(".box:not(.on), .edge:not(.on)", faded)) == {"0.22"}
        assert set(window.page.eval_on_selector_all(".box.on, .edge.on", faded)) == {"1"}


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


def test_when_all_is_published_nothing_is_asked_of_anybody(published: str, opened: Opened) -> None:
    with opened(published) as window:
        window.go("/")
        assert "decision" not in window.page.inner_text("h1")
        assert window.page.locator("text=Look at the rows").count() == 0
        assert window.wrong == []


def test_in_a_lineage_of_a_thousand_tables_pointing_touches_what_is_lit_and_nothing_else(
    held: str, opened: Opened
) -> None:
    """How many attributes of the drawing change, which no busy machine makes more; the layout stays as it was."""
    drawing = svg_within(random_drawing(1_000), lambda name: f"/assets/{name}")
    with opened(held) as window:
        window.go("/lineage")
        window.page.evaluate(_DRAW, drawing)
        boxes = "all => all.map((each) => each.dataset.name)"
        names = window.page.eval_on_selector_all(".box", boxes)
        assert len(names) >= 1_000
        one, other = names[len(names) // 2], names[-1]
        lit, touched = window.page.evaluate(_POINT, [one])
        assert lit > 1
        assert touched == lit + 1, "each that is lit, and the drawing itself"
        assert window.page.evaluate(_POINT, [one])[1] == 0, "another part of the same box"
        both = window.page.evaluate(_POINT, [other])
        assert both[1] <= lit + both[0], "what is lit in both is not touched"
        none, left = window.page.evaluate(_POINT, [None])
        assert (none, left) == (0, both[0] + 1)
        width = "document.documentElement.scrollWidth"
        before = window.page.evaluate(width)
        window.page.evaluate(_POINT, [one])
        assert window.page.evaluate(width) == before
        assert window.wrong == []


def test_no_page_takes_more_than_a_hundred_and_fifty_kilobytes_over_the_line(held: str, opened: Opened) -> None:
    """All files that a page asks for, as they are sent; nothing is in the browser's cache."""
    with opened(held) as window:
        addresses = paths(run_of(window))
    heavy = {}
    with opened(held) as window:
        cdp = window.page.context.new_cdp_session(window.page)
        cdp.send("Network.enable")
        cdp.send("Network.setCacheDisabled", {"cacheDisabled": True})
        sent: list[float] = []
        cdp.on("Network.loadingFinished", lambda said: sent.append(said["encodedDataLength"]))
        for path in addresses:
            sent.clear()
            window.go(path)
            window.page.wait_for_load_state("networkidle")
            assert len(sent) >= 3, path
            heavy[path] = sum(sent)
    assert {path: size for path, size in heavy.items() if size > 150_000} == {}
