/*
description = "Joining bookings to flights neither loses nor doubles one of either."
*/
with counted as (
    select sum(flights) as flights, sum(bookings) as bookings, sum(revenue) as revenue from gold.route_demand
),

expected as (
    select
        (select count(*) from gold.flights) as flights,
        (select count(*) from silver.bookings) as bookings,
        (select sum(fare) from silver.bookings) as revenue
)

select counted, expected
from counted
cross join expected
where counted is distinct from expected
