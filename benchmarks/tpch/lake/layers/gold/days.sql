/*
description = "One row per day and market segment."
key = ["ordered_on", "segment"]
*/
select
    ordered_on,
    segment,
    count(*) as lines,
    sum(quantity)::bigint as pieces,
    sum(net)::decimal(18, 2) as net,
    sum(gross)::decimal(18, 2) as gross
from gold.sales
group by all
