-- What gold knows of activities that events named, and, under no id, of those that came last: $ids. Which fields without a
-- column listings showed stands in `extra`.
WITH newest AS (
    FROM activities_all WHERE source = $source AND deleted_at IS NULL ORDER BY start_date DESC LIMIT 50
)
SELECT id, year, deleted_at AT TIME ZONE 'UTC', device_name IS NULL, guid IS NULL, coalesce(json_keys(extra), [])
FROM activities_all
WHERE source = $source AND id IN (SELECT unnest($ids))
UNION ALL
SELECT
    NULL,
    NULL,
    NULL,
    coalesce(bool_and(device_name IS NULL), true),
    coalesce(bool_and(guid IS NULL), true),
    list_distinct(flatten(list(coalesce(json_keys(extra), []))))
FROM newest
