-- Every present activity of $years, but for those for which another one stands, with what is known of its detail, newest
-- first. Moments are in UTC and bare: handing out a TIMESTAMPTZ costs Python ten times as much.
SELECT
    activity.id,
    activity.year,
    activity.start_date AT TIME ZONE 'UTC',
    activity.start_date_local::DATE,
    activity.edited_at AT TIME ZONE 'UTC',
    detail.fetched_at AT TIME ZONE 'UTC',
    coalesce(activity.sport_type, activity.type)
FROM activities_all AS activity
LEFT JOIN activity_details_by_source AS detail ON detail.activity_id = activity.id AND detail.source = $source
WHERE activity.deleted_at IS NULL
  AND activity.id NOT IN (SELECT activity_id FROM corrections WHERE deleted) -- by a person, here
  AND activity.source = $source
  AND activity.id NOT IN (SELECT id FROM activity_members WHERE place > 0)
  AND activity.year IN (SELECT unnest($years))
ORDER BY activity.start_date DESC NULLS LAST, activity.id DESC
