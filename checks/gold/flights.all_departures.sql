/*
description = "Every departure of silver is a row here, and nothing else is."
*/
(select carrier, flight, origin, day from silver.flights except select carrier, flight, origin, day from gold.flights)
union all
(select carrier, flight, origin, day from gold.flights except select carrier, flight, origin, day from silver.flights)
