"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="time_hour", regex=r"^\d{4}-\d{2}-\d{2}T\d{2}:00:00Z$"),
    gxe.ExpectColumnValuesToMatchRegex(column="origin", regex=r"^[A-Z]{3}$"),
    gxe.ExpectTableRowCountToBeBetween(min_value=1_000),
]
