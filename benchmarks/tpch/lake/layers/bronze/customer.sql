/*
[source]
folder = "landing/customer"
files = "*.parquet"
format = "parquet"

[columns.c_phone]
pii = true
*/
select * from source
