/*
description = "One row per booked seat."
key = ["booking_id"]
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
*/

-- What the feed says twice in the same words is folded into one; two rows that disagree about a booking stay two, and
-- the audit of the key holds them back.
select distinct
    booking_id,
    passenger_id,
    carrier,
    flight::int as flight,
    origin,
    day::date as day,
    cabin,
    fare::decimal(8, 2) as fare,
    booked_at::timestamptz as booked_at
from bronze.bookings
