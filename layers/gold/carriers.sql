/*
description = "One row per carrier."
kind = "dimension"
key = ["carrier"]
owner = "analytics"
tags = ["star"]
*/
select carrier, name
from silver.carriers
