/*
description = "Every flight belongs to a carrier that we know."
*/
select flights.carrier, flights.flight, flights.origin, flights.day
from silver.flights as flights
anti join silver.carriers as carriers using (carrier)
