"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="time_hour", regex=r"^\d{4}-\d{2}-\d{2}T\d{2}:00:00Z$"),
    gxe.ExpectColumnValuesToMatchRegex(column="carrier", regex=r"^[0-9A-Z]{2}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="dep_time", regex=r"^(\d{1,4}|NA)$"),
    gxe.ExpectTableRowCountToBeBetween(min_value=20_000),
]
