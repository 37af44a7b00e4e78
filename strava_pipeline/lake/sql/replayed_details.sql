-- Of each of $ids the detail as JSON, where there is one, and whether it is deleted.
SELECT activity.id, CASE WHEN detail.activity_id IS NOT NULL THEN to_json(detail) END, activity.deleted_at IS NOT NULL
FROM activities_all AS activity
LEFT JOIN activity_details_by_source AS detail ON detail.activity_id = activity.id AND detail.source = $source
WHERE activity.source = $source AND activity.id IN (SELECT unnest($ids))
