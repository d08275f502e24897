import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex=r"^N[0-9A-Z]{1,5}$"),
    gxe.ExpectColumnValuesToBeBetween(column="built", min_value=1930, max_value=2013),
    gxe.ExpectColumnValuesToBeBetween(column="engines", min_value=1, max_value=4),
    gxe.ExpectColumnValuesToBeBetween(column="seats", min_value=1, max_value=900),
    gxe.ExpectColumnValuesToNotBeNull(column="built", mostly=0.95, severity="warning"),
]
