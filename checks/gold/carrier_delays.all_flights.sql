/*
description = "Every flight is counted here, on its carrier and day, and nothing else is."
*/
with expected as (
    select carrier, day, count(*) as flights from gold.flights group by all
)

select carrier, day, expected.flights as expected, delays.flights as counted
from expected
full join gold.carrier_delays as delays using (carrier, day)
where expected.flights is distinct from delays.flights
