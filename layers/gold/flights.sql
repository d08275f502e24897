/*
description = "One row per departure scheduled from New York."
kind = "fact"
key = ["carrier", "flight", "origin", "day"]
write = "upsert"
new_rows = ["silver.flights"]
owner = "analytics"
tags = ["star", "flights"]

[foreign_keys]
carrier = "gold.carriers.carrier"
tailnum = "gold.aircraft.tailnum"
origin = "gold.airports.airport at day"
dest = "gold.airports.airport at day"
day = "gold.dates.day"

[columns.tailnum]
description = "Null for many cancelled flights: no aircraft was assigned."

[columns.local_hour]
description = "Hour of the scheduled departure on the clock of the origin."

[columns.status]
description = "completed, cancelled or diverted."

[columns.late]
description = "Completed 15 minutes or more after schedule; null unless completed."
*/
select
    carrier,
    flight,
    origin,
    day,
    dest,
    tailnum,
    scheduled_at,
    hour(scheduled_local)::int as local_hour,
    status,
    dep_delay,
    arr_delay,
    arr_delay >= 15 as late,
    air_time,
    distance
from silver.flights
