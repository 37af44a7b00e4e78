-- Which file an archive's row of each activity has, by the hash of its bytes.
SELECT id, extra ->> '$.file.sha256' AS sha256
FROM imported_activities
WHERE source = 'strava_archive' AND (extra ->> '$.file.sha256') IS NOT NULL
