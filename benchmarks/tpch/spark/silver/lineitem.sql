/*
engine = "spark"
description = "One row per line of an order; what was delivered twice in the same words is one."
key = ["order_id", "line"]
*/
select distinct
    l_orderkey as order_id,
    l_linenumber as line,
    l_partkey as part_id,
    l_suppkey as supplier_id,
    cast(l_quantity as int) as quantity,
    cast(l_extendedprice as decimal(12, 2)) as price,
    cast(l_discount as decimal(4, 2)) as discount,
    cast(l_tax as decimal(4, 2)) as tax,
    l_returnflag as return_flag,
    l_linestatus as status,
    l_shipdate as shipped_on,
    l_commitdate as promised_on,
    l_receiptdate as received_on,
    l_shipmode as ship_mode
from bronze.lineitem
