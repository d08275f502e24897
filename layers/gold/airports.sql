/*
description = "One row per airport of the United States and its territories, placed on the map."
kind = "dimension"
key = ["airport"]
owner = "analytics"
tags = ["star"]

[columns.airport]
description = "FAA code, or the IATA code where the FAA's file has none."

[columns.latitude]
description = "Degrees north; from the world's file where the FAA's is wrong or has none."

[columns.longitude]
description = "Degrees, west is negative; from the same file as the latitude."

[columns.time_zone]
description = "IANA name."
*/

-- The FAA's file leaves out Puerto Rico and the Virgin Islands, and misplaces three airports; the world's has no small fields.
with world as (
    select * from silver.world_airports where country in ('US', 'PR', 'VI', 'GU', 'MP', 'AS')
)

select
    airport,
    coalesce(faa.name, world.name) as name,
    world.city,
    world.region,
    coalesce(faa.latitude, world.latitude) as latitude,
    case when faa.latitude is null then world.longitude else faa.longitude end as longitude,
    coalesce(faa.altitude, world.elevation) as altitude,
    coalesce(faa.time_zone, world.time_zone) as time_zone
from silver.airports as faa
full join world using (airport)
