/*
description = "Every flight ends at an airport that we know."
*/
select flights.carrier, flights.flight, flights.origin, flights.day, flights.dest
from silver.flights as flights
anti join silver.world_airports as airports on airports.airport = flights.dest
