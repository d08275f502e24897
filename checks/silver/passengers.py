import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="email"),
    gxe.ExpectColumnValuesToBeBetween(column="born_decade", min_value=1910, max_value=2010),
    gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="email", min_value=0.95, severity="warning"),
]
