"""What must hold for the file as it arrived; a header that changed is a row that no pattern matches."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="faa", regex=r"^[0-9A-Z]{3}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="lat", regex=r"^-?\d+(\.\d+)?$"),
    gxe.ExpectColumnValuesToMatchRegex(column="lon", regex=r"^-?\d+(\.\d+)?$"),
]
