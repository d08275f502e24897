/*
description = "One row per airport of the United States and edition of the register."
key = ["airport", "effective_on"]
write = "upsert"
keep = "last by effective_on"
new_rows = ["bronze.airports"]
owner = "data-platform"
tags = ["reference"]

[columns.airport]
description = "FAA code, three characters."

[columns.effective_on]
type = "date"
description = "First day of the month after which the edition is named: since when its rows hold."

[columns.latitude]
description = "Degrees north; null where the file's position is wrong."

[columns.longitude]
description = "Degrees, west is negative; null where the file's position is wrong."

[columns.altitude]
description = "Feet above sea level."

[columns.time_zone]
description = "IANA name; null where the file has none or derived it from a wrong position."
*/

-- An edition is the whole register. A line that it repeats counts once; two that disagree on an airport end the step.
with landed as (
    select
        nullif(columns(* exclude (_source_file, _source_row, _loaded_at)), 'NA'),
        strptime(parse_filename(_source_file, true), '%Y-%m')::date as effective_on
    from bronze.airports
),

-- Three airports lie in China or the Arctic: Keene (EEN) has its coordinates exchanged, Deer Valley (DVT) and
-- Montgomery (MYF) lost their sign and the zone followed. Shemya (SYA) really is east of the date line.
placed as (
    select *, faa not in ('DVT', 'EEN', 'MYF') as well_placed from landed
)

select
    faa as airport,
    effective_on,
    name,
    case when well_placed then lat::double end as latitude,
    case when well_placed then lon::double end as longitude,
    alt::int as altitude,
    -- The offset and daylight-saving columns stay in bronze: they contradict the zone, which says both.
    case when well_placed then tzone end as time_zone
from placed
