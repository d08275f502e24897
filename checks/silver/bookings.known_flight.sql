/*
description = "A seat is booked on a flight that is scheduled."
*/
select bookings.booking_id, bookings.carrier, bookings.flight, bookings.origin, bookings.day
from silver.bookings as bookings
anti join silver.flights as flights using (carrier, flight, origin, day)
