/*
description = "One row per aircraft that is registered or flew: what is known of it."
kind = "dimension"
key = ["tailnum"]
owner = "analytics"
tags = ["star"]

[columns.registered]
description = "False for aircraft that flew and that the registry does not know; all else of them is null."
*/
with flown as (
    select distinct tailnum from silver.flights where tailnum is not null
)

select
    tailnum,
    registry.tailnum is not null as registered,
    registry.* exclude (tailnum)
from flown
full join silver.aircraft as registry using (tailnum)
