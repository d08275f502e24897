/*
description = "Carrier codes and names, as the file said them."
owner = "data-platform"
tags = ["reference"]

[source]
files = "data/landing/reference/airlines.csv"
format = "csv"
columns = ["carrier", "name"]
*/
select * from source
