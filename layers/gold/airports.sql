/*
description = "One row per airport of the United States and its territories and version: its name then, and its place."
kind = "dimension"
key = ["airport"]
write = "scd2"
at = "effective_on"
owner = "analytics"
tags = ["star"]

[columns.airport]
description = "FAA code, or the IATA code where the FAA's file has none."

[columns.effective_on]
description = "First day of the edition that told of this version first; it holds from then on."

[columns.latitude]
description = "Degrees north; from the world's file where the FAA's is wrong or has none."

[columns.longitude]
description = "Degrees, west is negative; from the same file as the latitude."

[columns.time_zone]
description = "IANA name."
*/

-- Every edition is read each time: what says the same again changes nothing. What only the world's file knows has no
-- date, so it holds since the first edition, and a correction of it corrects all versions.
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
    coalesce(faa.time_zone, world.time_zone) as time_zone,
    coalesce(faa.effective_on, (select min(effective_on) from silver.airports)) as effective_on
from silver.airports as faa
full join world using (airport)
