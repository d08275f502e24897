/*
description = "The instant of departure, read on New York's clock, is the local time of the schedule."
*/
select carrier, flight, origin, day, scheduled_local, scheduled_at
from silver.flights
where scheduled_at at time zone 'America/New_York' is distinct from scheduled_local
