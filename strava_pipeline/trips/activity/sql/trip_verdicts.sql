-- How many activity trips have each verdict, and the most frequent first reason of each.
SELECT coalesce(verdict, 'unknown') AS verdict, count(*) AS trips, mode(primary_reason) AS primary_reason
FROM trip_diagnostics
WHERE deleted_at IS NULL
GROUP BY ALL
ORDER BY trips DESC, verdict
