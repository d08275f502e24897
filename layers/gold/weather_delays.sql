/*
description = "One row per New York airport and kind of weather: what fog, rain and wind cost."
key = ["origin", "conditions"]
owner = "analytics"
tags = ["flights", "weather", "mart"]

[columns.conditions]
description = "fog (seen under 3 miles), else rain or snow, else wind (25 mph or more), else fair; unknown without a reading."

[columns.flights]
description = "Scheduled departures, cancelled ones included."

[columns.cancelled_share]
description = "Between 0 and 1."

[columns.mean_dep_delay]
description = "Minutes over the flights that left; early ones count as negative."
*/

-- A flight meets the weather of the hour in which it was scheduled to leave. Hours without a reading, the whole
-- of 2013-12-31 among them, keep their flights.
with departures as (
    select
        flights.origin,
        flights.status,
        flights.dep_delay,
        case
            when weather.visib < 3 then 'fog'
            when weather.precip > 0 then 'rain'
            when weather.wind_speed >= 25 then 'wind'
            when weather.wind_speed < 25 then 'fair'
            else 'unknown'
        end as conditions
    from gold.flights as flights
    left join silver.weather as weather
        on weather.origin = flights.origin
        and weather.observed_at = date_trunc('hour', flights.scheduled_at)
)

select
    origin,
    conditions,
    count(*) as flights,
    count(*) filter (status = 'cancelled') / count(*) as cancelled_share,
    avg(dep_delay) as mean_dep_delay
from departures
group by all
