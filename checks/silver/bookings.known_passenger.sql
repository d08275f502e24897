/*
description = "Whoever booked a seat has signed up."
*/
select bookings.booking_id, bookings.passenger_id
from silver.bookings as bookings
anti join silver.passengers as passengers using (passenger_id)
