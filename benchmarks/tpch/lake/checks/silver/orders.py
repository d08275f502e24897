import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id"),
    gxe.ExpectColumnValuesToBeInSet(column="status", value_set=["F", "O", "P"]),
    gxe.ExpectColumnValuesToBeBetween(column="total", min_value=0, max_value=1_000_000),
    gxe.ExpectColumnValuesToMatchRegex(column="priority", regex="^[1-5]-"),
]
