-- The files that devices wrote of activities with the ids $ids, the likeliest first: the id, the hash, the name. Files that were
-- not read whole, or hold several recordings, are none; nor are those that a provider computed from points.
WITH own AS (
    SELECT id, source, source_id, NULL AS sha256 FROM activities_all WHERE deleted_at IS NULL
    UNION ALL
    SELECT id, NULL, NULL, extra ->> '$.file.sha256' FROM imported_activities
)
SELECT coalesce(member.activity_id, own.id)::VARCHAR, files.sha256, files.name
FROM own
JOIN files ON files.sha256 = own.sha256 OR (files.source = own.source AND files.source_id = own.source_id)
LEFT JOIN activity_members AS member ON member.id = own.id
WHERE list_contains($ids::BIGINT[], coalesce(member.activity_id, own.id))
  AND NOT contains(files.name, '_derived.')
  AND files.role = 'activity'
  AND files.kind = 'activity'
  AND files.problem IS NULL
  AND files.recordings = 1
ORDER BY files.format = 'fit' DESC, files.received_at, files.sha256
