-- The present activities of $years that the API told of, but for those for which another one stands, newest first.
SELECT id
FROM activities_all
WHERE source = $source
  AND deleted_at IS NULL
  AND id NOT IN (SELECT id FROM activity_members WHERE place > 0)
  AND year IN (SELECT unnest($years))
ORDER BY start_date DESC NULLS LAST, id DESC
