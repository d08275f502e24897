/*
description = "An airport of the United States lies west of Greenwich; only Shemya is beyond the date line."
*/
select airport, name, longitude
from silver.airports
where longitude > -60 and airport <> 'SYA'
