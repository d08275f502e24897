/*
description = "Every year has all of its days."
*/
select year, count(*) as days
from gold.dates
group by year
having count(*) <> dayofyear(make_date(any_value(year), 12, 31))
