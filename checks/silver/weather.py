"""Critical: what no weather can be. Warnings: how often a station may be silent."""

import great_expectations.expectations as gxe

from lakeflow import Relation, check
from lakeflow import expectations as lfx

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="wind_speed", min_value=0, max_value=200),
    gxe.ExpectColumnValuesToBeBetween(column="wind_gust", min_value=0, max_value=250),
    gxe.ExpectColumnValuesToBeBetween(column="temp", min_value=-20, max_value=120),
    gxe.ExpectColumnValuesToBeBetween(column="humid", min_value=0, max_value=100),
    gxe.ExpectColumnValuesToBeBetween(column="wind_dir", min_value=0, max_value=360),
    gxe.ExpectColumnValuesToBeBetween(column="pressure", min_value=870, max_value=1085),
    gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=["EWR", "JFK", "LGA"]),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="temp", column_B="dewp", or_equal=True, ignore_row_if="either_value_is_missing"
    ),
    lfx.ExpectRowCountToStayNearMain(min_ratio=1),
    gxe.ExpectColumnValuesToNotBeNull(column="temp", mostly=0.999, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="wind_speed", mostly=0.999, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="pressure", mostly=0.85, severity="warning"),
]


@check(severity="warning")
def airports_agree_on_the_temperature(branch: Relation) -> Relation:
    """Three airports within 35 km: where they are 30 °F apart in the same hour, a sensor is broken."""
    hours = branch.aggregate("observed_at, min(temp) as coldest, max(temp) as warmest", "observed_at")
    return hours.filter("warmest - coldest > 30")
