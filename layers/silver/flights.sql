/*
description = "One row per departure scheduled from New York: typed, in UTC, with how it ended."
key = ["carrier", "flight", "origin", "day"]
write = "upsert"
keep = "last by delivery"
new_rows = ["bronze.flights"]
owner = "data-platform"
tags = ["flights"]

[columns.flight]
description = "Flight number; with carrier, origin and local date it names one departure."

[columns.day]
type = "date"
description = "Date of the scheduled departure on the clock of the origin."

[columns.scheduled_local]
type = "timestamp"
description = "Scheduled departure on the clock of the origin."

[columns.scheduled_at]
type = "timestamptz"
description = "The same as an instant."

[columns.departed_at]
type = "timestamptz"
description = "When it left the gate; null when it never did."

[columns.status]
description = "completed, cancelled (never left the gate) or diverted (left, but no arrival delay on record)."

[columns.dep_delay]
description = "Minutes after schedule at departure; negative is early."

[columns.arr_delay]
description = "Minutes after schedule at arrival; null unless completed."

[columns.air_time]
description = "Minutes in the air; null unless completed."

[columns.distance]
description = "Miles between origin and destination."

[columns.tailnum]
description = "Registration of the aircraft; null for many cancelled flights."

[columns.delivery]
description = "The delivery that told of the flight last, by its name: of two that disagree the later name counts."
*/

-- The file writes null as NA. Months land one by one, and each run reads only what landed since. A row that is
-- repeated counts once, and a later delivery corrects an earlier one, in whatever order they land; one that
-- contradicts itself ends the step.
with landed as (
    select
        nullif(columns(* exclude (_source_file, _source_row, _loaded_at)), 'NA'),
        parse_filename(_source_file, true) as delivery
    from bronze.flights
),

-- `time_hour` is the scheduled hour in UTC, so no wall clock has to be resolved here. It could not be, twice a
-- year: in New York 2013-03-10 has no 02:00 and 2013-11-03 has two 01:00. A check reads the local clock back.
departures as (
    select
        *,
        make_date(year::int, month::int, day::int) as local_day,
        time_hour::timestamptz + to_minutes(minute::int) as scheduled_at
    from landed
)

select
    carrier,
    flight::int as flight,
    origin,
    local_day as day,
    dest,
    tailnum,
    local_day + make_time(hour::int, minute::int, 0) as scheduled_local,
    scheduled_at,
    -- Not from `dep_time`: that is a clock without a date, it turns over at midnight and says 2400.
    scheduled_at + to_minutes(dep_delay::int) as departed_at,
    case
        when dep_time is null then 'cancelled'
        when arr_delay is null then 'diverted'
        else 'completed'
    end as status,
    dep_delay::int as dep_delay,
    arr_delay::int as arr_delay,
    air_time::int as air_time,
    distance::int as distance,
    delivery
from departures
