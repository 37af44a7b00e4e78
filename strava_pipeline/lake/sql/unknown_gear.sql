SELECT DISTINCT gear_id
FROM activities_all
WHERE gear_id IS NOT NULL AND gear_id <> '' AND deleted_at IS NULL AND source = 'strava'
  AND gear_id NOT IN (SELECT gear_id FROM gear WHERE source = 'strava')
ORDER BY gear_id
