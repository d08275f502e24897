/*
description = "One row per day of every year in which a flight was scheduled."
kind = "dimension"
key = ["day"]
owner = "analytics"
tags = ["star"]

[columns.week]
description = "ISO week; the first days of January may belong to the last week of the year before."

[columns.weekday]
description = "1 is Monday, 7 is Sunday."
*/
with span as (
    select date_trunc('year', min(day)) as first, date_trunc('year', max(day)) + interval 1 year as after
    from silver.flights
),

days as (
    select unnest(range(first, after, interval 1 day))::date as day from span
)

select
    day,
    year(day)::int as year,
    quarter(day)::int as quarter,
    month(day)::int as month,
    week(day)::int as week,
    isodow(day)::int as weekday,
    isodow(day) > 5 as is_weekend
from days
