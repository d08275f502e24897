/*
description = "Every departure scheduled from New York City in 2013, as the file said it."
owner = "data-platform"
tags = ["flights"]

[source]
folder = "data/landing/flights"
files = "*.csv"
format = "csv"
columns = [
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour"
]
*/
select * from source
