/*
description = "Everyone who ever landed is here, once."
*/
select passenger_id from bronze.passengers
except
select passenger_id from silver.passengers
