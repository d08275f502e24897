/*
description = "Every row belongs to a carrier that we know."
*/
select delays.carrier, delays.day
from gold.carrier_delays as delays
anti join gold.carriers as carriers using (carrier)
