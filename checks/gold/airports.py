import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="name"),
    gxe.ExpectColumnValuesToNotBeNull(column="latitude"),
    gxe.ExpectColumnValuesToNotBeNull(column="longitude"),
    gxe.ExpectColumnValuesToMatchRegex(column="time_zone", regex=r"^(America|Pacific)/", mostly=0.99),
]
