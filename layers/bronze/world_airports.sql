/*
description = "Airports and airfields of the world, as the file said them."
owner = "data-platform"
tags = ["reference"]

[source]
files = "data/landing/reference/world_airports.csv"
format = "csv"
columns = ["icao", "iata", "name", "city", "subd", "country", "elevation", "lat", "lon", "tz", "lid"]
*/
select * from source
