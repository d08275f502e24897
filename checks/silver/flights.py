"""Critical: what gold counts on. Warnings: what a person should look at, and readers can live with."""

import great_expectations.expectations as gxe

from lakeflow import expectations as lfx

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="scheduled_at"),
    gxe.ExpectColumnValuesToNotBeNull(column="dest"),
    gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=["EWR", "JFK", "LGA"]),
    gxe.ExpectColumnValuesToBeInSet(column="status", value_set=["completed", "cancelled", "diverted"]),
    gxe.ExpectColumnValuesToBeBetween(column="dep_delay", min_value=-60, max_value=1440),
    gxe.ExpectColumnValuesToBeBetween(column="arr_delay", min_value=-120, max_value=1440),
    gxe.ExpectColumnValuesToBeBetween(column="air_time", min_value=15, max_value=900),
    gxe.ExpectColumnValuesToBeBetween(column="distance", min_value=10, max_value=6000),
    lfx.ExpectForeignKeyToExist(columns="carrier", references="silver.carriers"),
    # A departure that readers know stays; a month may land late, and none is ever taken away.
    lfx.ExpectNoKeyToDisappear(),
    gxe.ExpectTableRowCountToBeBetween(min_value=20_000, max_value=400_000),
    gxe.ExpectColumnMeanToBeBetween(column="dep_delay", min_value=0, max_value=30, severity="warning"),
    # A few registrations are mistyped in the file (D942DN).
    gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex=r"^N[0-9A-Z]{1,5}$", mostly=0.999, severity="warning"),
]
