"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="faa", regex=r"^[0-9A-Z]{3}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="lat", regex=r"^-?\d+(\.\d+)?$"),
    gxe.ExpectColumnValuesToMatchRegex(column="lon", regex=r"^-?\d+(\.\d+)?$"),
]
