/*
engine = "spark"
description = "One row per day and market segment."
key = ["ordered_on", "segment"]
*/
select
    ordered_on,
    segment,
    count(*) as lines,
    cast(sum(quantity) as bigint) as pieces,
    cast(sum(net) as decimal(18, 2)) as net,
    cast(sum(gross) as decimal(18, 2)) as gross
from gold.sales
group by all
