/*
description = "Seats that were booked, as the shop's feed said it; the feed may say a thing twice."
owner = "loyalty"
tags = ["passengers"]

[source]
folder = "data/landing/bookings"
files = "*.ndjson"
format = "ndjson"
columns = [
    "booking_id", "passenger_id", "carrier", "flight", "origin", "day", "cabin", "fare", "booked_at", "channel"
]
optional = ["channel"]
renames = {fare = "price"}
on_malformed = "quarantine"
max_fraction = 0.01
*/
select * from source
