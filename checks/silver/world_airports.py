import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValueLengthsToEqual(column="airport", value=3),
    gxe.ExpectColumnValuesToBeBetween(column="latitude", min_value=-90, max_value=90),
    gxe.ExpectColumnValuesToBeBetween(column="longitude", min_value=-180, max_value=180),
    gxe.ExpectColumnValuesToNotBeNull(column="time_zone", mostly=0.99),
]
