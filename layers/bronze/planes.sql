/*
description = "The aircraft registry, as the file said it."
owner = "data-platform"
tags = ["reference"]

[source]
files = "data/landing/reference/planes.csv"
format = "csv"
columns = ["tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"]
*/
select * from source
