"""What dashboards rely on: the columns, and figures that can be."""

import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectTableColumnsToMatchSet(
        column_set=[
            "carrier",
            "day",
            "flights",
            "cancelled",
            "diverted",
            "late",
            "mean_dep_delay",
            "mean_arr_delay",
            "worst_dep_delay",
        ]
    ),
    gxe.ExpectColumnValuesToBeBetween(column="flights", min_value=1, max_value=500),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="flights", column_B="cancelled", or_equal=True),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="flights", column_B="late", or_equal=True),
    gxe.ExpectColumnUniqueValueCountToBeBetween(column="carrier", min_value=10, max_value=25, severity="warning"),
    gxe.ExpectColumnMeanToBeBetween(column="mean_dep_delay", min_value=0, max_value=30, severity="warning"),
]
