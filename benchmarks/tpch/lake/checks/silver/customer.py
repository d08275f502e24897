import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="segment"),
    gxe.ExpectColumnValueLengthsToEqual(column="phone", value=64),
    gxe.ExpectColumnMeanToBeBetween(column="balance", min_value=3_000, max_value=6_000),
]
