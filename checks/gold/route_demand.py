import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="flights", min_value=1),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="bookings", column_B="travellers", or_equal=True),
    gxe.ExpectColumnValuesToBeBetween(column="revenue", min_value=0),
]
