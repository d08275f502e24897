import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="lines", min_value=1),
    gxe.ExpectColumnValuesToBeBetween(column="net", min_value=0),
]
