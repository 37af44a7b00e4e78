-- The local month of the first present activity that can be; NULL: there is none.
SELECT strftime(min(coalesce(start_date_local, timezone('UTC', start_date))), '%Y-%m') AS month
FROM activities
WHERE impossible IS NULL
