-- Years with present activities that were first seen after $since and have no detail, dropped ones aside.
SELECT DISTINCT activity.year
FROM activities_all AS activity
LEFT JOIN activity_details_by_source AS detail ON detail.activity_id = activity.id AND detail.source = $source
WHERE detail.activity_id IS NULL AND activity.source = $source AND activity.deleted_at IS NULL AND activity.edited_at > $since
  AND activity.id NOT IN (SELECT id FROM activity_members WHERE place > 0)
  AND activity.id NOT IN (SELECT activity_id FROM quarantine WHERE dropped_at IS NOT NULL)
