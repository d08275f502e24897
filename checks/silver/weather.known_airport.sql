/*
description = "Every reading comes from an airport that we know."
*/
select weather.origin, weather.observed_at
from silver.weather as weather
anti join silver.airports as airports on airports.airport = weather.origin
