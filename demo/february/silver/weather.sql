/*
description = "One row per New York airport and hour: the weather as its station read it, typed and in UTC."
key = ["origin", "observed_at"]
owner = "data-platform"
tags = ["weather"]

[columns.observed_at]
type = "timestamptz"
*/
with landed as (
    select distinct nullif(columns(* exclude (_source_file, _source_row, _loaded_at)), 'NA') from bronze.weather
)

select
    origin,
    make_timestamp(year::bigint, month::bigint, day::bigint, hour::bigint, 0, 0)
        at time zone 'America/New_York' as observed_at,
    temp::double as temp,
    dewp::double as dewp,
    humid::double as humid,
    wind_dir::int as wind_dir,
    -- One reading is impossible: 1,048 mph (911 knots) at Newark, between 21 and 13 mph in the hours around it.
    case
        when origin = 'EWR' and time_hour = '2013-02-12T08:00:00Z' and wind_speed::double > 1000 then null
        else wind_speed::double
    end as wind_speed,
    wind_gust::double as wind_gust,
    precip::double as precip,
    pressure::double as pressure,
    visib::double as visib
from landed
