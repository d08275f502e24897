/*
description = "In every month that is built each flight is counted once, and nothing else is."
*/
with counted as (
    select month, sum(flights) as flights from gold.destination_months group by month
),

expected as (
    select date_trunc('month', day)::date as month, count(*) as flights from gold.flights group by all
)

select month, expected.flights as expected, counted.flights as counted
from counted
left join expected using (month)
where expected.flights is distinct from counted.flights
