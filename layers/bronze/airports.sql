/*
description = "The register of airports of the United States, edition by edition, as the file said it."
owner = "data-platform"
tags = ["reference"]

[source]
folder = "data/landing/airports"
files = "*.csv"
format = "csv"
columns = ["faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"]
*/
select * from source
