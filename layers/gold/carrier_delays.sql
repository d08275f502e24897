/*
description = "One row per carrier and day: how many flights left New York, and how late."
key = ["carrier", "day"]
owner = "analytics"
tags = ["flights", "mart"]

[columns.day]
description = "Date of the scheduled departure, New York time."

[columns.flights]
description = "Scheduled departures, cancelled ones included."

[columns.late]
description = "Completed 15 minutes or more after schedule."

[columns.mean_dep_delay]
description = "Minutes over the flights that left; early ones count as negative. Null when none left."

[columns.mean_arr_delay]
description = "Minutes over the completed flights; early ones count as negative. Null when none completed."
*/
select
    carrier,
    day,
    count(*) as flights,
    count(*) filter (status = 'cancelled') as cancelled,
    count(*) filter (status = 'diverted') as diverted,
    count(*) filter (late) as late,
    avg(dep_delay) as mean_dep_delay,
    avg(arr_delay) as mean_arr_delay,
    max(dep_delay) as worst_dep_delay
from gold.flights
group by all
