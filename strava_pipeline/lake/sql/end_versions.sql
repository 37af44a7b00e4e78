-- The present version of an activity ends when that is found gone from the source, and goes on when it is back.
UPDATE activity_history
SET valid_to = activity.deleted_at
FROM activities_all AS activity
WHERE activity.id = activity_history.activity_id
  AND activity.ingestion_ts = activity_history.valid_from
  AND activity.deleted_at IS DISTINCT FROM activity_history.valid_to
