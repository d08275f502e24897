"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="booking_id", regex=r"^B\d{6}-\d{4}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="fare", regex=r"^\d+(\.\d{1,2})?$"),
]
