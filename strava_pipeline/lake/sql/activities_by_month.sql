-- Present activities by local year and month.
SELECT year, month(start_date_local) AS month, count(*) AS activities
FROM activities_all
WHERE deleted_at IS NULL AND source = $source
GROUP BY ALL
