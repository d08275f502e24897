import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="segment"),
    gxe.ExpectColumnValuesToBeBetween(column="net", min_value=0),
]
