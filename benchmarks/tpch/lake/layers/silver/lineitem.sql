/*
description = "One row per line of an order; what was delivered twice in the same words is one."
key = ["order_id", "line"]
*/
select distinct
    l_orderkey as order_id,
    l_linenumber as line,
    l_partkey as part_id,
    l_suppkey as supplier_id,
    l_quantity::int as quantity,
    l_extendedprice::decimal(12, 2) as price,
    l_discount::decimal(4, 2) as discount,
    l_tax::decimal(4, 2) as tax,
    l_returnflag as return_flag,
    l_linestatus as status,
    l_shipdate as shipped_on,
    l_commitdate as promised_on,
    l_receiptdate as received_on,
    l_shipmode as ship_mode
from bronze.lineitem
