import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeInSet(column="cabin", value_set=["economy", "business", "first"]),
    gxe.ExpectColumnValuesToBeBetween(column="fare", min_value=1, max_value=5_000),
    gxe.ExpectColumnValuesToNotBeNull(column="booked_at"),
]
