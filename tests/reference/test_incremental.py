"""The reference project's incremental silver: months that land one by one give what all at once gives, in any order."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

import lakeflow
from lakeflow.core.model.run import RunRecord
from lakeflow.lake.lake import Lake
from tests.reference.samples import FLIGHTS, ROOT, land

ASSETS = ("silver.flights", "silver.bookings", "silver.passengers", "silver.airports", "gold.airports", "gold.flights")
LEFT_OUT = ("weather", "route_demand", "carrier_delays", "destination_months")
AIRPORTS = "faa,name,lat,lon,alt,tz,dst,tzone"
WORLD = "icao,iata,name,city,subd,country,elevation,lat,lon,tz,lid"
PLANES = "tailnum,year,type,manufacturer,model,engines,seats,speed,engine"
PASSENGERS = "passenger_id,name,email,phone,born,updated_at"
SJU = "TJSJ,SJU,Luis Munoz Marin Airport,San Juan,San Juan,PR,9,18.44,-66.0,America/Puerto_Rico,SJU"


def flight(month: int, day: int, delay: str = "0", dest: str = "BUR") -> str:
    """A flight of JetBlue from Kennedy at five in the morning, winter time."""
    at = f"2013-{month:02}-{day:02}T10:00:00Z"
    return f"2013,{month},{day},500,500,{delay},800,800,{delay},B6,1,N1,JFK,{dest},200,2465,5,0,{at}"


def booking(number: int, month: int, day: int, cabin: str = "economy") -> str:
    return (
        f'{{"booking_id": "B{number}", "passenger_id": "P{number}", "carrier": "B6", "flight": "1", "origin": "JFK",'
        f' "day": "2013-{month:02}-{day:02}", "cabin": "{cabin}", "fare": "99.5", "booked_at": "2012-12-01T10:00:00Z"}}'
    )


def passenger(number: int, name: str, month: int) -> str:
    return f"P{number},{name},{name.lower()}@example.org,,1970-01-01,2013-{month:02}-01T00:00:00Z"


def airport(code: str, name: str) -> str:
    return f"{code},{name},34.2,-118.4,778,-8,A,America/Los_Angeles"


def january(root: Path) -> None:
    land(root, "flights/2013-01.csv", FLIGHTS, [flight(1, 1), flight(1, 2), flight(1, 3, dest="SJU")])
    land(root, "bookings/2013-01.ndjson", "", [booking(1, 1, 1), booking(2, 1, 2)])
    land(root, "passengers/2013-01.csv", PASSENGERS, [passenger(1, "Ada", 1), passenger(2, "Bo", 1)])
    land(root, "airports/2013-01.csv", AIRPORTS, [airport("BUR", "Bob Hope"), airport("JFK", "Kennedy")])


def february(root: Path) -> None:
    """One flight said again, one corrected; a better seat; a passenger who married."""
    land(root, "flights/2013-02.csv", FLIGHTS, [flight(1, 1), flight(1, 2, delay="7"), flight(2, 1)])
    land(root, "bookings/2013-02.ndjson", "", [booking(2, 1, 2, "first"), booking(3, 2, 1)])
    land(root, "passengers/2013-02.csv", PASSENGERS, [passenger(2, "Bea", 2), passenger(3, "Cy", 2)])


def march(root: Path) -> None:
    land(root, "flights/2013-03.csv", FLIGHTS, [flight(3, 1)])
    land(root, "bookings/2013-03.ndjson", "", [booking(3, 2, 1), booking(4, 3, 1)])
    land(root, "passengers/2013-03.csv", PASSENGERS, [passenger(4, "Di", 3)])
    land(root, "airports/2013-03.csv", AIRPORTS, [airport("BUR", "Hollywood Burbank"), airport("JFK", "Kennedy")])


MONTHS = (january, february, march)


def copy(root: Path) -> Path:
    """The project without its checks, and without what has no part in the story."""
    left_out = shutil.ignore_patterns("__pycache__", *(f"{name}*" for name in LEFT_OUT))
    shutil.copytree(ROOT / "layers", root / "layers", ignore=left_out)
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    land(root, "reference/airlines.csv", "carrier,name", ["B6,JetBlue Airways"])
    land(root, "reference/planes.csv", PLANES, ["N1,2004,Fixed wing,AIRBUS,A320,2,182,NA,Turbo-fan"])
    land(root, "reference/world_airports.csv", WORLD, [SJU])
    return root


def published(lake: Lake) -> RunRecord:
    run = lake.materialize()
    assert run is not None
    assert run.state == "published", [(str(step.asset), step.reason) for step in run.steps if not step.done]
    return run


def rows(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(map(repr, lake.read(name).to_arrow_table().to_pylist())) for name in ASSETS}


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "no secret, only long enough")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy(tmp_path / "lake")


def came(run: RunRecord, name: str) -> int | None:
    return next(step.rows for step in run.steps if str(step.asset) == name)


@pytest.mark.long
def test_months_that_land_one_by_one_or_late_give_what_all_at_once_gives(tmp_path: Path) -> None:
    """And so does a rebuild from nothing: February's files come last, and take nothing of March back."""
    found = []
    for name, order in (("month by month", MONTHS), ("late", (january, march, february))):
        root = copy(tmp_path / name)
        for month in order:
            month(root)
            with lakeflow.open(root) as lake:
                published(lake)
        with lakeflow.open(root) as lake:
            found.append(rows(lake))
    whole = copy(tmp_path / "at once")
    for month in MONTHS:
        month(whole)
    with lakeflow.open(whole) as lake:
        published(lake)
        found.append(rows(lake))
        lake.materialize("layer:silver", "layer:gold", full_refresh=True)
        found.append(rows(lake))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.long
def test_each_run_reads_only_what_is_new_and_corrections_count(root: Path) -> None:
    january(root)
    with lakeflow.open(root) as lake:
        published(lake)
    february(root)
    with lakeflow.open(root) as lake:
        run = published(lake)
        assert [came(run, f"silver.{name}") for name in ("flights", "bookings", "passengers")] == [3, 2, 2]
        flights = lake.read("silver.flights").filter("month(day) = 1").order("day")
        assert flights.select("dep_delay, delivery").fetchall() == [(0, "2013-02"), (7, "2013-02"), (0, "2013-01")]
        cabins = lake.read("silver.bookings").order("booking_id").select("cabin").fetchall()
        assert cabins == [("economy",), ("first",), ("economy",)]
    march(root)
    with lakeflow.open(root) as lake:
        plan = lake.plan("silver.flights")
        assert not plan.steps, "its rows have not landed yet"
        run = published(lake)
        assert came(run, "silver.flights") == came(run, "gold.flights") == 1


@pytest.mark.long
def test_a_month_that_is_taken_back_comes_again_as_it_was(root: Path) -> None:
    """Positions and landed files go back with the run."""
    january(root)
    with lakeflow.open(root) as lake:
        published(lake)
    february(root)
    with lakeflow.open(root) as lake:
        run = published(lake)
        before = rows(lake)
        lake.rollback(run.id)
        assert rows(lake) != before
        assert came(published(lake), "silver.flights") == 3
        assert rows(lake) == before


@pytest.mark.long
def test_a_flight_refers_to_the_name_that_its_airport_had_on_that_day(root: Path) -> None:
    for month in MONTHS:
        month(root)
    with lakeflow.open(root) as lake:
        published(lake)
        here = duckdb.connect()
        for name in ("airports", "flights"):
            here.register(name, lake.read(f"gold.{name}").to_arrow_table())
    then = "airport = dest and valid_from <= day and (valid_to > day or is_current)"
    named = here.sql(f"select month(day), name from flights join airports on {then} order by day, dest").fetchall()
    assert named == [
        *[(1, "Bob Hope")] * 2,
        (1, "Luis Munoz Marin Airport"),
        (2, "Bob Hope"),
        (3, "Hollywood Burbank"),
    ]


@pytest.mark.long
def test_a_delivery_that_contradicts_itself_ends_the_step_and_nothing_of_it_is_seen(root: Path) -> None:
    january(root)
    land(root, "flights/2013-01-b.csv", FLIGHTS, [flight(1, 9), flight(1, 9, delay="3")])
    with lakeflow.open(root) as lake:
        run = lake.materialize()
        assert run is not None
        step = next(step for step in run.steps if str(step.asset) == "silver.flights")
    assert step.state == "errored"
    assert "1 key (carrier, flight, origin, day) more than once, in 2 rows" in step.reason
