import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeInSet(column="conditions", value_set=["fog", "rain", "wind", "fair", "unknown"]),
    gxe.ExpectColumnValuesToBeBetween(column="cancelled_share", min_value=0, max_value=1),
    gxe.ExpectColumnSumToBeBetween(column="flights", min_value=20_000, max_value=400_000),
]
