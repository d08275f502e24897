"""The pages as files: each leads where it says, no row is among them, and a site is replaced as a whole."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.ui.server import UiOptions, build


class Links(HTMLParser):
    """What a page leads to, and the places within it that can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.to: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.to += [value or "" for name, value in attrs if name in {"href", "src", "action", "data"}]
        self.places |= {value or "" for name, value in attrs if name == "id"}


@pytest.fixture(scope="module")
def site(held: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bucket") / "below" / "lake"
    build(UiOptions(str(held[0])), place)
    return place


def test_every_link_of_every_page_leads_to_a_file_of_the_site(site: Path) -> None:
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    reached, waiting = set(), [site / "index.html"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        assert pages[page].to, page
        for link in pages[page].to:
            assert "://" not in link, (page, link)
            assert not link.startswith("/"), (page, link)
            path, _, place = link.partition("#")
            target = Path(os.path.normpath(page.parent / unquote(path))) if path else page
            assert site in target.parents, (page, link)
            assert target.is_file(), (page, link)
            if target in pages:
                assert not place or place in pages[target].places, (page, link)
                waiting += [target] if target not in reached and target not in waiting else []
    assert reached == set(pages), "every page can be come to from the first"
    assert len(pages) > 25


def test_every_asset_is_there_with_its_twins(site: Path) -> None:
    told = json.loads((site / "index.json").read_text(encoding="utf-8"))["data"]["assets"]
    names = {path.name for path in (site / "assets").iterdir() if path.is_dir()}
    assert names == {each["asset"] for each in told}
    for name in names:
        for tab in ("", "snapshots", "checks", "lineage", "code"):
            assert (site / "assets" / name / tab / "index.html").is_file()
            assert json.loads(
                (site / "assets" / name / f"{tab}.json" if tab else site / f"assets/{name}.json").read_text()
            )


def test_no_row_of_a_table_and_no_personal_value_is_in_a_file(site: Path) -> None:
    for path in (each for each in site.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        assert "canary" not in text, path
        assert "<form" not in text, path
        assert "1048.4" not in text or path.parent.name == "code" or path.name == "code.json", path
    told = (site / "index.json").read_text(encoding="utf-8")
    assert '"failed_rows": 1,' in told, "what a check has found is counted"
    assert '"samples": [],' in told, "and not shown"


def test_a_second_build_takes_the_place_of_the_first_as_a_whole(held: tuple[Path, str], tmp_path: Path) -> None:
    place = tmp_path / "site"
    build(UiOptions(str(held[0])), place)
    gone = "assets/silver.gone/index.html"
    (place / gone).parent.mkdir()
    (place / gone).write_text("of an asset that is no more")
    with (place / ".lakeflow-site").open("a") as listed:
        listed.write(f"{gone}\n")
    build(UiOptions(str(held[0])), place)
    assert not (place / gone).parent.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["site"]


def test_what_somebody_has_put_beside_the_pages_is_never_lost(held: tuple[Path, str], tmp_path: Path) -> None:
    place = tmp_path / "site"
    build(UiOptions(str(held[0])), place)
    (place / "assets" / "CNAME").write_text("lake.example.org")
    with pytest.raises(UsageError, match="assets/CNAME"):
        build(UiOptions(str(held[0])), place)
    assert (place / "assets" / "CNAME").read_text() == "lake.example.org"


def test_a_build_that_fails_leaves_the_site_as_it_was(
    held: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site"
    build(UiOptions(str(held[0])), place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    write, written = Path.write_bytes, []

    def fails(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) > 20:
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="No space"):
        build(UiOptions(str(held[0])), place)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert [each.name for each in tmp_path.iterdir()] == ["site"]


def test_a_folder_that_holds_anything_else_is_left_alone(held: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        build(UiOptions(str(held[0])), tmp_path)
    with pytest.raises(UsageError, match="something else"):
        build(UiOptions(str(held[0])), tmp_path / "thesis.txt")
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]
