/*
description = "Of a month's flights hardly any are cancelled; the snow of February took 5 in 100."
*/
select month, round(sum(cancelled) / sum(flights), 4) as share
from gold.destination_months
group by month
having sum(cancelled) > 0.06 * sum(flights)
