"""Critical: what no weather can be. Warnings: how often a station may be silent."""

import great_expectations.expectations as gxe

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
    gxe.ExpectColumnValuesToNotBeNull(column="temp", mostly=0.999, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="wind_speed", mostly=0.999, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="pressure", mostly=0.85, severity="warning"),
]
