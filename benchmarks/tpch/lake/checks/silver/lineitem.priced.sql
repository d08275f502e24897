select order_id, line from silver.lineitem where price <= 0
