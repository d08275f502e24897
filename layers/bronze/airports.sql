/*
description = "Airports of the United States, as the file said them."
owner = "data-platform"
tags = ["reference"]

[source]
files = "data/landing/reference/airports.csv"
format = "csv"
columns = ["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"]
*/
select * from source
