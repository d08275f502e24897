/*
description = "One row per customer, the telephone number hashed."
key = ["customer_id"]

[columns.phone]
mask = "hash"
*/
select distinct
    c_custkey as customer_id,
    c_nationkey::int as nation_id,
    c_mktsegment as segment,
    c_acctbal::decimal(12, 2) as balance,
    c_phone as phone
from bronze.customer
