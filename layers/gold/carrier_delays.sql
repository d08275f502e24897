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

[[examples]]
name = "a cancelled flight counts as a flight and has no delay"
given."gold.flights" = """
carrier,day,status,late,dep_delay,arr_delay
AA,2013-03-09,landed,true,20,16
AA,2013-03-09,landed,false,-4,-10
AA,2013-03-09,cancelled,false,,
"""
expect = [{carrier = "AA", day = 2013-03-09, flights = 3, cancelled = 1, late = 1, mean_dep_delay = 8, mean_arr_delay = 3}]

[[examples]]
name = "the delays of a carrier that nobody knows are refused"
given."gold.flights" = [{carrier = "XX", day = 2013-03-09, status = "landed", late = false}]
given."gold.carriers" = [{carrier = "AA"}]
fails = "known_carrier"
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
