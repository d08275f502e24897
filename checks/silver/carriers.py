import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValueLengthsToEqual(column="carrier", value=2),
    gxe.ExpectColumnValuesToNotBeNull(column="name"),
]
