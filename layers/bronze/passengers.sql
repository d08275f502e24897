/*
description = "Who signed up, and whoever changed something since, as the file said it."
owner = "loyalty"
tags = ["passengers"]

[source]
folder = "data/landing/passengers"
files = "*.csv"
format = "csv"
columns = ["passenger_id", "name", "email", "phone", "born", "updated_at"]

[columns.name]
pii = true

[columns.email]
pii = true

[columns.phone]
pii = true

[columns.born]
pii = true
*/
select * from source
