/*
description = "One row per carrier."
key = ["carrier"]
owner = "data-platform"
tags = ["reference"]

[columns.carrier]
description = "IATA code, two characters."
*/
select distinct
    carrier,
    name
from bronze.airlines
