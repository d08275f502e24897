/*
[source]
folder = "landing/lineitem"
files = "*.parquet"
format = "parquet"
*/
select * from source
