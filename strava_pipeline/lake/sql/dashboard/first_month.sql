-- The local month of the first present activity; NULL: there is none.
SELECT strftime(min(coalesce(start_date_local, timezone('UTC', start_date))), '%Y-%m') AS month
FROM activities
WHERE coalesce(start_date_local, timezone('UTC', start_date)) >= TIMESTAMP '1000-01-01' -- what is earlier is no month that has an address
