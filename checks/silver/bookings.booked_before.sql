/*
description = "Nobody books a flight that has left."
*/
select bookings.booking_id, bookings.booked_at, flights.scheduled_at
from silver.bookings as bookings
join silver.flights as flights using (carrier, flight, origin, day)
where bookings.booked_at >= flights.scheduled_at
