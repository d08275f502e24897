import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="flights", min_value=1),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="flights", column_B="cancelled", or_equal=True),
    gxe.ExpectColumnValuesToNotBeNull(column="name"),
]
