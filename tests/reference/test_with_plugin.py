"""Assets of the reference project as a user tests them: with the fixture `lake` of the pytest plugin."""

from __future__ import annotations

import pytest

from lakeflow.testing import LakeUnderTest

FLIGHTS = """
    carrier,day,status,late,dep_delay
    AA,2013-03-09,landed,true,20
    AA,2013-03-09,landed,false,-4
    AA,2013-03-09,cancelled,false,
"""


@pytest.mark.long
def test_the_mean_delay_is_that_of_the_flights_that_left(lake: LakeUnderTest) -> None:
    """One asset alone: what it reads is given, in the types of its upstream's columns."""
    lake.given("gold.flights", FLIGHTS)
    lake.given("gold.carriers", [{"carrier": "AA"}])
    lake.materialize("gold.carrier_delays")
    lake.assert_rows("gold.carrier_delays", [{"carrier": "AA", "flights": 3, "cancelled": 1, "mean_dep_delay": 8}])


@pytest.mark.long
def test_the_delays_of_a_carrier_that_nobody_knows_are_held(lake: LakeUnderTest) -> None:
    lake.given("gold.flights", FLIGHTS)
    lake.given("gold.carriers", [{"carrier": "UA"}])
    lake.materialize("gold.carrier_delays")
    lake.assert_held("gold.carrier_delays", check="known_carrier")


def test_an_aircraft_is_listed_once_and_na_is_null(lake: LakeUnderTest) -> None:
    """An asset in Python."""
    lake.given("bronze.planes", "tailnum,year,seats\nN1,NA,55\nN1,NA,55\nN2,1999,NA")
    lake.materialize("silver.aircraft")
    lake.assert_rows("silver.aircraft", "tailnum,built,seats\nN1,,55\nN2,1999,")
