/*
description = "Between the first and the last day there is none without a flight."
*/
select dates.day
from gold.dates as dates
anti join gold.carrier_delays as delays using (day)
where dates.day between (select min(day) from gold.carrier_delays) and (select max(day) from gold.carrier_delays)
