/*
engine = "spark"
description = "One row per order; what was delivered twice in the same words is one."
key = ["order_id"]
*/
select distinct
    o_orderkey as order_id,
    o_custkey as customer_id,
    o_orderstatus as status,
    cast(o_totalprice as decimal(12, 2)) as total,
    o_orderdate as ordered_on,
    o_orderpriority as priority,
    o_clerk as clerk
from bronze.orders
