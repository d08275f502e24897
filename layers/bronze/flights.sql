/*
description = "Every departure scheduled from New York City in 2013, as the file said it."
owner = "data-platform"
tags = ["flights"]
reads = ["data/nycflights13/flights.csv"]

[columns.landed_from]
description = "The file that the row came from."
*/
select * replace (parse_filename(landed_from) as landed_from)
from read_csv(
    'data/nycflights13/flights.csv',
    auto_detect = false, header = false, delim = ',', quote = '"', filename = 'landed_from',
    columns = {
        'year': 'varchar', 'month': 'varchar', 'day': 'varchar', 'dep_time': 'varchar',
        'sched_dep_time': 'varchar', 'dep_delay': 'varchar', 'arr_time': 'varchar',
        'sched_arr_time': 'varchar', 'arr_delay': 'varchar', 'carrier': 'varchar', 'flight': 'varchar',
        'tailnum': 'varchar', 'origin': 'varchar', 'dest': 'varchar', 'air_time': 'varchar',
        'distance': 'varchar', 'hour': 'varchar', 'minute': 'varchar', 'time_hour': 'varchar'
    }
)
-- The header is read as a row, because names declared above would hide columns that changed places.
-- Only the header that we know is left out: any other one stays, and fails the audit.
where concat_ws(',', *columns(* exclude (landed_from)))
    <> 'year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,'
    || 'carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour'
