"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="carrier", regex=r"^[0-9A-Z]{2}$"),
]
