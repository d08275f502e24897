"""The reference project's assets, tried on a few lines: an asset needs no lake to be tested."""

from __future__ import annotations

import runpy
from pathlib import Path

import duckdb
import pytest

import lakeflow
from tests.reference.samples import FLIGHTS, ROOT, WEATHER, ask, bad_rows, build, connect, land, reading

# One flight each: on time across midnight, at midnight sharp, cancelled, diverted, and one on either side of spring.
EVENING = "2013,3,9,53,2359,54,504,438,26,B6,727,N612JB,JFK,BQN,175,1576,23,59,2013-03-10T04:00:00Z"
MIDNIGHT = "2013,7,1,2400,2355,5,340,344,-4,B6,739,N580JB,JFK,PSE,197,1617,23,55,2013-07-02T03:00:00Z"
CANCELLED = "2013,3,10,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-03-10T20:00:00Z"
DIVERTED = "2013,3,10,1525,1530,-5,1934,1805,NA,MQ,4525,N719MQ,LGA,XNA,NA,1147,15,30,2013-03-10T19:00:00Z"
WINTER = "2013,3,9,515,515,0,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-03-09T10:00:00Z"
SUMMER = "2013,3,10,515,515,0,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-03-10T09:00:00Z"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """Files are found from `tmp_path`: the folder itself, as a search path comes second to where one stands."""
    monkeypatch.chdir(tmp_path)
    return connect()


def test_bronze_lands_text_as_it_arrived_and_says_from_which_file(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """Nothing is guessed: numbers keep their spelling, NA stays NA, the header is no row."""
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("1,1", 1, "01-01T06", wind="10.357019999999999")])
    build(lake, "bronze.weather")
    found = ask(
        lake, "select month, wind_speed, wind_gust, parse_filename(_source_file), _source_row from bronze.weather"
    )
    assert found == [("1", "10.357019999999999", "NA", "2013.csv", 1)]


def test_the_hour_that_came_twice_in_autumn_is_two_instants(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("11,3", 1, "11-03T05"), reading("11,3", 1, "11-03T06")])
    build(lake, "bronze.weather", "silver.weather")
    found = ask(lake, "select observed_at::varchar from silver.weather order by observed_at")
    assert found == [("2013-11-03 05:00:00+00",), ("2013-11-03 06:00:00+00",)]


def test_the_naive_version_makes_one_key_of_both_hours_and_keeps_the_impossible_wind(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    """What the demo's first run is held for."""
    lines = [
        reading("11,3", 1, "11-03T05", temp="52"),
        reading("11,3", 1, "11-03T06", temp="50"),
        reading("2,12", 3, "02-12T08", wind="1048.36058"),
    ]
    land(tmp_path, "weather/2013.csv", WEATHER, lines)
    build(lake, "bronze.weather")
    build(lake, "silver.weather", folder="demo/naive")
    twice = ask(lake, "select count(*) from silver.weather group by origin, observed_at having count(*) > 1")
    assert twice == [(2,)]
    assert ask(lake, "select count(*) from silver.weather where wind_speed > 200") == [(1,)]


def test_both_versions_of_weather_have_the_same_columns(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("1,1", 1, "01-01T06")])
    build(lake, "bronze.weather", "silver.weather")
    fixed = ask(lake, "describe silver.weather")
    lake.execute("drop table silver.weather")
    build(lake, "silver.weather", folder="demo/naive")
    assert ask(lake, "describe silver.weather") == fixed


def test_the_hour_left_out_in_spring_leaves_no_gap(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("3,10", 1, "03-10T06"), reading("3,10", 3, "03-10T07")])
    build(lake, "bronze.weather", "silver.weather")
    assert ask(lake, "select max(observed_at) - min(observed_at) = interval 1 hour from silver.weather") == [(True,)]


def test_only_the_one_known_impossible_wind_becomes_null(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The next one must reach the audit."""
    lines = [reading("2,12", 3, "02-12T08", wind="1048.36058"), reading("2,13", 3, "02-13T08", wind="999")]
    land(tmp_path, "weather/2013.csv", WEATHER, lines)
    build(lake, "bronze.weather", "silver.weather")
    assert ask(lake, "select wind_speed from silver.weather order by observed_at") == [(None,), (999.0,)]


def test_a_row_that_two_files_repeat_counts_once(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("1,1", 1, "01-01T06")])
    land(tmp_path, "flights/2013.csv", FLIGHTS, [WINTER, SUMMER])
    build(lake, "bronze.weather", "bronze.weather", "bronze.flights", "bronze.flights")
    build(lake, "silver.weather", "silver.flights")
    assert ask(lake, "select count(*) from bronze.flights") == [(4,)]
    assert ask(lake, "select count(*) from silver.flights") == [(2,)]
    assert ask(lake, "select count(*) from silver.weather") == [(1,)]


def test_landings_that_disagree_are_both_kept_for_the_audit_of_the_key(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("1,1", 1, "01-01T06", temp="50")])
    build(lake, "bronze.weather")
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("1,1", 1, "01-01T06", temp="51")])
    build(lake, "bronze.weather", "silver.weather")
    assert ask(lake, "select temp from silver.weather order by temp") == [(50.0,), (51.0,)]


@pytest.fixture
def flown(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """The sample flights, with the one reading that stands at the hour of SUMMER."""
    land(tmp_path, "flights/2013.csv", FLIGHTS, [EVENING, MIDNIGHT, CANCELLED, DIVERTED, WINTER, SUMMER])
    land(tmp_path, "weather/2013.csv", WEATHER, [reading("3,10", 5, "03-10T09", wind="28.8")])
    build(lake, "bronze.flights", "bronze.weather", "silver.flights", "silver.weather")
    return lake


def test_one_local_time_is_two_instants_on_either_side_of_the_change(flown: duckdb.DuckDBPyConnection) -> None:
    found = ask(flown, "select scheduled_at::varchar from silver.flights where carrier = 'UA' order by scheduled_at")
    assert found == [("2013-03-09 10:15:00+00",), ("2013-03-10 09:15:00+00",)]


def test_a_departure_after_midnight_is_on_the_next_day(flown: duckdb.DuckDBPyConnection) -> None:
    """Scheduled 23:59 New York on the 9th, left 00:53 on the 10th: the schedule's day stays the 9th."""
    found = ask(flown, "select day::varchar, departed_at::varchar from silver.flights where flight = 727")
    assert found == [("2013-03-09", "2013-03-10 05:53:00+00")]


def test_the_clock_time_2400_is_midnight(flown: duckdb.DuckDBPyConnection) -> None:
    found = ask(flown, "select departed_at::varchar from silver.flights where flight = 739")
    assert found == [("2013-07-02 04:00:00+00",)]


def test_a_cancelled_flight_never_departed_and_a_diverted_one_has_no_arrival_delay(
    flown: duckdb.DuckDBPyConnection,
) -> None:
    found = ask(
        flown,
        "select status, departed_at is null, arr_delay, tailnum from silver.flights where status <> 'completed' "
        "order by status",
    )
    assert found == [("cancelled", True, None, None), ("diverted", False, None, "N719MQ")]


@pytest.mark.parametrize("check", ["local_clock", "departure_clock", "all_landed"])
def test_the_row_checks_on_flights_find_nothing_in_good_data(flown: duckdb.DuckDBPyConnection, check: str) -> None:
    assert bad_rows(flown, f"silver/flights.{check}") == 0


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("update silver.flights set scheduled_at = scheduled_at + interval 1 hour where flight = 1545", "local_clock"),
        (
            "update silver.flights set departed_at = departed_at + interval 1 minute where flight in (727, 739)",
            "departure_clock",
        ),
        ("delete from silver.flights where flight = 1545", "all_landed"),
    ],
)
def test_the_row_checks_on_flights_find_what_is_wrong(flown: duckdb.DuckDBPyConnection, fault: str, check: str) -> None:
    flown.execute(fault)
    assert bad_rows(flown, f"silver/flights.{check}") == 2


def test_delays_are_means_over_the_flights_that_left(flown: duckdb.DuckDBPyConnection) -> None:
    build(flown, "gold.flights", "gold.carrier_delays")
    found = ask(
        flown,
        "select carrier, flights, cancelled, diverted, late, mean_dep_delay, mean_arr_delay "
        "from gold.carrier_delays where day = '2013-03-10' order by carrier",
    )
    assert found == [
        ("EV", 1, 1, 0, 0, None, None),
        ("MQ", 1, 0, 1, 0, -5.0, None),
        ("UA", 1, 0, 0, 0, 0.0, 11.0),
    ]
    assert bad_rows(flown, "gold/carrier_delays.all_flights") == 0


def test_a_flight_lost_or_counted_twice_is_found(flown: duckdb.DuckDBPyConnection) -> None:
    build(flown, "gold.flights", "gold.carrier_delays", "gold.weather_delays")
    flown.execute("delete from gold.carrier_delays where carrier = 'EV'")
    flown.execute("update gold.carrier_delays set flights = flights + 1 where carrier = 'MQ'")
    flown.execute("delete from gold.weather_delays where origin = 'LGA'")
    assert bad_rows(flown, "gold/carrier_delays.all_flights") == 2
    assert bad_rows(flown, "gold/weather_delays.all_flights") == 1


def test_a_flight_meets_the_weather_of_its_hour_and_is_kept_without_any(flown: duckdb.DuckDBPyConnection) -> None:
    build(flown, "gold.flights", "gold.weather_delays")
    found = ask(flown, "select origin, conditions, flights from gold.weather_delays order by all")
    assert found == [("EWR", "unknown", 2), ("EWR", "wind", 1), ("JFK", "unknown", 2), ("LGA", "unknown", 1)]
    assert bad_rows(flown, "gold/weather_delays.all_flights") == 0


def test_airports_whose_position_is_wrong_have_none(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = [
        "EEN,Dillant Hopkins Airport,72.270833,42.898333,149,-5,A,NA",
        "EWR,Newark Liberty Intl,40.6925,-74.168667,18,-5,A,America/New_York",
        "MYF,Montgomery Field,32.4759,117.759,17,8,A,Asia/Chongqing",
        "SYA,Eareckson As,52.712275,174.11362,98,-9,A,America/Anchorage",
    ]
    land(tmp_path, "airports/2013-01.csv", "faa,name,lat,lon,alt,tz,dst,tzone", lines)
    build(lake, "bronze.airports", "silver.airports")
    found = ask(lake, "select airport, longitude, time_zone from silver.airports order by airport")
    assert found == [
        ("EEN", None, None),
        ("EWR", -74.168667, "America/New_York"),
        ("MYF", None, None),
        ("SYA", 174.11362, "America/Anchorage"),
    ]
    assert bad_rows(lake, "silver/airports.united_states") == 0


WORLD = "icao,iata,name,city,subd,country,elevation,lat,lon,tz,lid"


def test_an_airport_is_placed_by_whichever_file_knows_it(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The FAA's file misplaces Keene and leaves San Juan out; the world's has no small fields."""
    faa = [
        "EEN,Dillant Hopkins Airport,72.270833,42.898333,149,-5,A,NA",
        "0S9,Jefferson County Intl,48.05,-122.81,108,-8,A,America/Los_Angeles",
    ]
    world = [
        "KEEN,EEN,Dillant/Hopkins Airport,Keene,New Hampshire,US,488,42.9,-72.27,America/New_York,EEN",
        "TJSJ,SJU,Luis Munoz Marin Airport,San Juan,San Juan,PR,9,18.44,-66.0,America/Puerto_Rico,SJU",
        'EDDF,FRA,Frankfurt am Main Airport,Frankfurt,Hesse,DE,364,50.03,8.54,Europe/Berlin,""',
        '00AA,"",Aero B Ranch Airport,Leoti,Kansas,US,3435,38.7,-101.47,America/Chicago,00AA',
    ]
    land(tmp_path, "airports/2013-01.csv", "faa,name,lat,lon,alt,tz,dst,tzone", faa)
    land(tmp_path, "reference/world_airports.csv", WORLD, world)
    build(lake, "bronze.airports", "bronze.world_airports", "silver.airports", "silver.world_airports")
    build(lake, "gold.airports")
    found = ask(lake, "select airport, city, latitude, longitude, time_zone from gold.airports order by airport")
    assert found == [
        ("0S9", None, 48.05, -122.81, "America/Los_Angeles"),
        ("EEN", "Keene", 42.9, -72.27, "America/New_York"),
        ("SJU", "San Juan", 18.44, -66.0, "America/Puerto_Rico"),
    ]


def test_an_aircraft_that_flew_without_being_registered_is_a_row_all_the_same(
    flown: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    flown.execute("create table silver.aircraft as select 'N719MQ' as tailnum, 2004 as built")
    build(flown, "gold.aircraft")
    found = ask(flown, "select tailnum, registered, built from gold.aircraft order by tailnum")
    assert ("N719MQ", True, 2004) in found
    assert ("N14228", False, None) in found
    assert len(found) == len({row[0] for row in found}) == 4


def test_the_calendar_has_every_day_of_a_year_in_which_anything_flew(flown: duckdb.DuckDBPyConnection) -> None:
    build(flown, "gold.dates")
    assert ask(flown, "select min(day)::varchar, max(day)::varchar, count(*) from gold.dates") == [
        ("2013-01-01", "2013-12-31", 365)
    ]
    assert ask(flown, "select week, weekday, is_weekend from gold.dates where day = '2013-12-29'") == [(52, 7, True)]
    assert bad_rows(flown, "gold/dates.whole_years") == 0
    flown.execute("delete from gold.dates where day = '2013-06-01'")
    assert bad_rows(flown, "gold/dates.whole_years") == 1


def test_the_fact_has_every_departure_and_says_which_were_late(flown: duckdb.DuckDBPyConnection) -> None:
    build(flown, "gold.flights")
    assert ask(flown, "select late, count(*) from gold.flights group by 1 order by 1") == [
        (False, 3),
        (True, 1),
        (None, 2),
    ]
    assert bad_rows(flown, "gold/flights.all_departures") == 0
    flown.execute("delete from gold.flights where carrier = 'UA'")
    assert bad_rows(flown, "gold/flights.all_departures") == 2


PASSENGERS = "passenger_id,name,email,phone,born,updated_at"
BOOKING = (
    '{{"booking_id": "{id}", "passenger_id": "{who}", "carrier": "UA", "flight": "1545", "origin": "EWR",'
    ' "day": "2013-03-09", "cabin": "economy", "fare": "{fare}", "booked_at": "2013-03-01T10:00:00Z"}}'
)


@pytest.fixture
def booked(flown: duckdb.DuckDBPyConnection, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """Ada moved once; Bo and Ada sit in the same plane, and the feed says Bo's booking twice."""
    ada = ["P000001,Ada,ada@example.org,212-555-0100,1979-12-31,2013-01-05T00:00:00Z"]
    moved = ["P000001,Ada,ada@example.com,212-555-0101,1979-12-31,2013-02-05T00:00:00Z"]
    land(
        tmp_path, "passengers/1.csv", PASSENGERS, [*moved, "P000002,Bo,bo@example.org,,1990-01-01,2013-01-01T00:00:00Z"]
    )
    land(tmp_path, "passengers/2.csv", PASSENGERS, ada)
    bookings = [
        BOOKING.format(id="B1", who="P000001", fare="99.5"),
        BOOKING.format(id="B2", who="P000002", fare="1.25"),
    ]
    land(tmp_path, "bookings/1.ndjson", "", [*bookings, bookings[1]])
    build(flown, "bronze.passengers", "bronze.bookings", "silver.passengers", "silver.bookings", "gold.flights")
    return flown


def test_a_passenger_is_who_was_last_heard_of_whatever_landed_last(booked: duckdb.DuckDBPyConnection) -> None:
    found = ask(booked, "select passenger_id, updated_at::date::varchar, born_decade from silver.passengers order by 1")
    assert found == [("P000001", "2013-02-05", 1970), ("P000002", "2013-01-01", 1990)]
    assert bad_rows(booked, "silver/passengers.all_heard_of") == 0


def test_a_booking_that_the_feed_says_twice_counts_once(booked: duckdb.DuckDBPyConnection) -> None:
    build(booked, "gold.route_demand")
    found = ask(
        booked,
        "select dest, flights, bookings, travellers, revenue::double from gold.route_demand where origin = 'EWR'",
    )
    assert sorted(found) == [("IAH", 2, 2, 2, 100.75), ("RDU", 1, 0, 0, 0.0)]
    assert bad_rows(booked, "gold/route_demand.all_bookings") == 0


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("delete from silver.passengers where passenger_id = 'P000002'", "silver/bookings.known_passenger"),
        ("update silver.bookings set flight = 9 where booking_id = 'B1'", "silver/bookings.known_flight"),
        (
            "update silver.bookings set booked_at = '2013-03-09 10:15:00+00' where booking_id = 'B1'",
            "silver/bookings.booked_before",
        ),
    ],
)
def test_the_row_checks_on_bookings_find_what_is_wrong_and_nothing_else(
    booked: duckdb.DuckDBPyConnection, fault: str, check: str
) -> None:
    assert bad_rows(booked, check) == 0
    booked.execute(fault)
    assert bad_rows(booked, check) == 1


def test_a_flight_counted_for_each_of_its_seats_is_found(booked: duckdb.DuckDBPyConnection) -> None:
    build(booked, "gold.route_demand")
    booked.execute("update gold.route_demand set flights = flights + 1 where dest = 'IAH'")
    assert bad_rows(booked, "gold/route_demand.all_bookings") == 1


def test_a_python_asset_is_a_function_that_takes_and_gives_a_relation(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    header = "tailnum,year,type,manufacturer,model,engines,seats,speed,engine"
    land(
        tmp_path,
        "reference/planes.csv",
        header,
        ["N10156,2004,Fixed wing multi engine,EMBRAER,EMB-145XR,2,55,NA,Turbo-fan"],
    )
    build(lake, "bronze.planes", "bronze.planes")
    aircraft = runpy.run_path(str(ROOT / "layers/silver/aircraft.py"))["aircraft"]
    found = aircraft(lake.table("bronze.planes"))
    assert found.columns[:2] == ["tailnum", "built"]
    assert found.fetchall() == [
        ("N10156", 2004, "Fixed wing multi engine", "EMBRAER", "EMB-145XR", 2, "Turbo-fan", 55, None)
    ]


@pytest.mark.parametrize("path", sorted(path.relative_to(ROOT) for path in ROOT.glob("[ldc]*/**/*.sql")), ids=str)
def test_every_sql_file_is_one_select(path: Path) -> None:
    statements = duckdb.extract_statements((ROOT / path).read_text())
    assert [statement.type for statement in statements] == [duckdb.StatementType.SELECT]


@pytest.mark.long
def test_the_examples_of_the_assets_come_as_they_say() -> None:
    """One of them asks for a check, and so for the library."""
    with lakeflow.open(ROOT) as opened:
        found = opened.test()
    assert found
    assert [one for one in found if not one.ok] == []
