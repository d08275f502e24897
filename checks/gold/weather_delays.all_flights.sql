/*
description = "Joining the weather neither loses nor doubles a flight."
*/
with expected as (
    select origin, count(*) as flights from gold.flights group by all
),

counted as (
    select origin, sum(flights) as flights from gold.weather_delays group by all
)

select origin, expected.flights as expected, counted.flights as counted
from expected
full join counted using (origin)
where expected.flights is distinct from counted.flights
