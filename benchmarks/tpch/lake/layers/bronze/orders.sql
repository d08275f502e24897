/*
[source]
folder = "landing/orders"
files = "*.parquet"
format = "parquet"
*/
select * from source
