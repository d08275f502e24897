import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=50),
    gxe.ExpectColumnValuesToBeBetween(column="discount", min_value=0, max_value=0.1),
    gxe.ExpectColumnValuesToBeInSet(column="return_flag", value_set=["A", "N", "R"]),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="received_on", column_B="shipped_on"),
]
