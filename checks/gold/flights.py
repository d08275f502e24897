"""Grain and foreign keys are audited because the asset declares them; this is what they do not say."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="dest"),
    gxe.ExpectColumnValuesToNotBeNull(column="tailnum", mostly=0.95, severity="warning"),
    gxe.ExpectColumnValuesToBeBetween(column="local_hour", min_value=0, max_value=23),
    gxe.ExpectColumnValuesToBeInSet(column="status", value_set=["completed", "cancelled", "diverted"]),
]
