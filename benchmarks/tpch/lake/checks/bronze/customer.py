import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValuesToNotBeNull(column="c_custkey"),
]
