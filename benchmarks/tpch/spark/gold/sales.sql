/*
engine = "spark"
description = "One row per line of an order, with its order and its customer."
key = ["order_id", "line"]
*/
select
    order_id,
    line,
    customer_id,
    ordered_on,
    priority,
    segment,
    nation_id,
    part_id,
    supplier_id,
    quantity,
    shipped_on,
    received_on,
    cast((price * (1 - discount)) as decimal(12, 2)) as net,
    cast((price * (1 - discount) * (1 + tax)) as decimal(12, 2)) as gross
from silver.lineitem
join silver.orders using (order_id)
join silver.customer using (customer_id)
