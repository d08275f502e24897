/*
description = "One row per destination and month: what flew there, under the name that the airport had by then."
key = ["dest", "month"]
partition = "month(month)"
start = "2013-01-01"
end = "2014-01-01"
owner = "analytics"
tags = ["flights", "mart"]

[columns.month]
description = "Its first day, by the date of the scheduled departure."

[columns.name]
description = "As it was called when the last flight of the month was scheduled."

[columns.flights]
description = "Scheduled departures, cancelled ones included."

[columns.mean_arr_delay]
description = "Minutes over the completed flights; early ones count as negative. Null when none completed."
*/
select
    flights.dest,
    date_trunc('month', flights.day)::date as month,
    arg_max(airports.name, flights.day) as name,
    count(*) as flights,
    count(*) filter (flights.status = 'cancelled') as cancelled,
    avg(flights.arr_delay) as mean_arr_delay
from gold.flights as flights
join gold.airports as airports
    on airports.airport = flights.dest
    and airports.valid_from <= flights.day
    and (airports.valid_to > flights.day or airports.valid_to is null)
where flights.day >= $partition_start and flights.day < $partition_end
group by flights.dest, date_trunc('month', flights.day)
