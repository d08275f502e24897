/*
description = "Hourly readings of the three New York airports in 2013, as the file said them."
owner = "data-platform"
tags = ["weather"]

[source]
folder = "data/landing/weather"
files = "*.csv"
format = "csv"
columns = [
    "origin", "year", "month", "day", "hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust",
    "precip", "pressure", "visib", "time_hour"
]
*/
select * from source
