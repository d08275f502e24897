"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex=r"^N[0-9A-Z]{1,5}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="year", regex=r"^(\d{4}|NA)$"),
]
