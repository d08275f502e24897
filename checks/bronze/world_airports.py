"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="iata", regex=r"^([A-Z]{3})?$"),
    gxe.ExpectColumnValuesToMatchRegex(column="country", regex=r"^[A-Z]{2}$"),
    gxe.ExpectTableRowCountToBeBetween(min_value=20_000),
]
