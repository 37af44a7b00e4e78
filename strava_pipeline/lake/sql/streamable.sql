-- Every present activity of $years that was recorded, not typed in, newest first: it may have streams.
SELECT id, year
FROM activities_all
WHERE deleted_at IS NULL
  AND source = 'strava'
  AND manual IS NOT TRUE
  AND year IN (SELECT unnest($years))
ORDER BY start_date DESC NULLS LAST, id DESC
