/*
description = "Every airport has a version that holds: one that is left out of an edition is not closed."
*/
select airport
from gold.airports
group by airport
having not bool_or(is_current)
