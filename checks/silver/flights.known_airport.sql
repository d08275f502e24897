/*
description = "Every flight ends at an airport that we know."
*/
select flights.carrier, flights.flight, flights.origin, flights.day, flights.dest
from silver.flights as flights
anti join silver.airports as airports on airports.airport = flights.dest
-- The airport file leaves out Puerto Rico and the Virgin Islands.
where flights.dest not in ('BQN', 'PSE', 'SJU', 'STT')
