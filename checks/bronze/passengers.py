"""What must hold for the values as they arrived."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="passenger_id", regex=r"^P\d{6}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="born", regex=r"^\d{4}-\d{2}-\d{2}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex=r"^[^@ ]+@[^@ ]+$", mostly=0.99),
]
