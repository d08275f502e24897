/*
description = "One row per passenger, as last heard of."
key = ["passenger_id"]
write = "upsert"
new_keys = {"bronze.passengers" = "passenger_id"}
owner = "loyalty"
tags = ["passengers"]

[columns.passenger_id]
description = "Given by us; says nothing about the person."

[columns.name]
mask = "redact"

[columns.email]
mask = "hash"
description = "Equal addresses have equal hashes, so that they can be counted and joined."

[columns.phone]
mask = "redact"

[columns.born_decade]
pii = false
description = "1970 for everyone born from 1970 to 1979; the day of birth stays in bronze."
*/

-- A file that comes late takes nothing back: of each passenger of whom a row came all rows are looked at.
select
    passenger_id,
    name,
    email,
    phone,
    born[1:3]::int * 10 as born_decade,
    updated_at::timestamptz as updated_at
from bronze.passengers
-- Of two rows that disagree at the same instant the one that stands later wins, whichever landed first.
qualify row_number() over (partition by passenger_id order by updated_at::timestamptz desc, _source_file desc, _source_row desc) = 1
