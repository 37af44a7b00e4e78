-- Every device or program that a source names, with its activities, the one of the newest first.
SELECT
    device_name,
    count(DISTINCT activity_id) AS activities,
    min(start_date_local)::DATE AS first_day,
    max(start_date_local)::DATE AS last_day
FROM activity_sources
WHERE device_name IS NOT NULL AND deleted_at IS NULL AND activity_id NOT IN (SELECT id FROM activities WHERE impossible IS NOT NULL)
GROUP BY device_name
ORDER BY last_day DESC, activities DESC, device_name
