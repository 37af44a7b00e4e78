-- Every present activity of $years with what is known of its detail, newest first.
SELECT
    activity.id,
    activity.year,
    activity.start_date,
    activity.start_date_local,
    activity.edited_at,
    detail.fetched_at
FROM activities_all AS activity
LEFT JOIN activity_details AS detail ON detail.activity_id = activity.id
WHERE activity.deleted_at IS NULL
  AND activity.source = 'strava'
  AND activity.year IN (SELECT unnest($years))
ORDER BY activity.start_date DESC NULLS LAST, activity.id DESC
