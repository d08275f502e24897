/*
description = "One row per route and month: what flew, and what was sold of it."
key = ["origin", "dest", "month"]
owner = "analytics"
tags = ["flights", "passengers", "mart"]

[columns.month]
description = "Its first day, by the date of the scheduled departure."

[columns.flights]
description = "Scheduled departures, cancelled ones included."

[columns.travellers]
description = "Different passengers with a booking."

[columns.revenue]
description = "US dollars, of all bookings."
*/

-- Bookings are summed by flight first: joined row by row they would count a flight once for each of its seats.
with sold as (
    select carrier, flight, origin, day, count(*) as bookings, sum(fare) as revenue, list(passenger_id) as passengers
    from silver.bookings
    group by all
)

select
    flights.origin,
    flights.dest,
    date_trunc('month', day)::date as month,
    count(*) as flights,
    coalesce(sum(sold.bookings), 0)::bigint as bookings,
    coalesce(len(list_distinct(flatten(list(sold.passengers) filter (sold.passengers is not null)))), 0) as travellers,
    coalesce(sum(sold.revenue), 0)::decimal(12, 2) as revenue
from gold.flights as flights
left join sold using (carrier, flight, origin, day)
group by all
