/*
description = "One row per airport of the world that has an IATA code."
key = ["airport"]
owner = "data-platform"
tags = ["reference"]

[columns.airport]
description = "IATA code, three characters."

[columns.elevation]
description = "Feet above sea level."

[columns.time_zone]
description = "IANA name."
*/
select distinct
    iata as airport,
    name,
    nullif(city, '') as city,
    nullif(subd, '') as region,
    country,
    lat::double as latitude,
    lon::double as longitude,
    elevation::int as elevation,
    nullif(tz, '') as time_zone
from bronze.world_airports
where iata <> ''
