/*
description = "Schedule plus delay gives the time that the airport's clock showed at departure."
severity = "warning"
*/
select flights.carrier, flights.flight, flights.origin, flights.day, flights.departed_at, landed.dep_time
from silver.flights as flights
join bronze.flights as landed
    on landed.carrier = flights.carrier
    and landed.flight = flights.flight::varchar
    and landed.origin = flights.origin
    and make_date(landed.year::int, landed.month::int, landed.day::int) = flights.day
where landed.dep_time <> 'NA'
    -- The file calls midnight 2400.
    and lpad((landed.dep_time::int % 2400)::varchar, 4, '0')
        is distinct from strftime(flights.departed_at at time zone 'America/New_York', '%H%M')
