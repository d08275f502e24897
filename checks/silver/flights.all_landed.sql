/*
description = "Every flight that landed in bronze is here."
*/
select carrier, flight::int as flight, origin, make_date(year::int, month::int, day::int) as day
from bronze.flights
except
select carrier, flight, origin, day
from silver.flights
