/*
description = "One row per booked seat."
key = ["booking_id"]
write = "upsert"
keep = "last by delivery"
new_rows = ["bronze.bookings"]
owner = "loyalty"
tags = ["passengers"]

[columns.day]
type = "date"
description = "Date of the scheduled departure on the clock of the origin."

[columns.fare]
type = "decimal(8, 2)"
description = "US dollars."

[columns.booked_at]
type = "timestamptz"

[columns.delivery]
description = "The delivery that told of the booking last, by its name: of two that disagree the later name counts."
*/

-- What the feed says twice counts once; who changes to another cabin is told again by a later delivery, which counts
-- in whatever order they land. A delivery that contradicts itself ends the step.
select
    booking_id,
    passenger_id,
    carrier,
    flight::int as flight,
    origin,
    day::date as day,
    cabin,
    fare::decimal(8, 2) as fare,
    booked_at::timestamptz as booked_at,
    parse_filename(_source_file, true) as delivery
from bronze.bookings
