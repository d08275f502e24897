import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValueLengthsToEqual(column="airport", value=3),
    gxe.ExpectColumnValuesToNotBeNull(column="name"),
    gxe.ExpectColumnValuesToBeBetween(column="latitude", min_value=18, max_value=72),
    gxe.ExpectColumnValuesToBeBetween(column="longitude", min_value=-180, max_value=180),
    gxe.ExpectColumnValuesToMatchRegex(column="time_zone", regex=r"^(America|Pacific)/"),
    gxe.ExpectColumnValuesToNotBeNull(column="latitude", mostly=0.99, severity="warning"),
    gxe.ExpectColumnValuesToNotBeNull(column="time_zone", mostly=0.99, severity="warning"),
]
