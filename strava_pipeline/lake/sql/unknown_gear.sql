SELECT DISTINCT gear_id
FROM activities_all
WHERE gear_id IS NOT NULL AND gear_id <> '' AND deleted_at IS NULL AND source = $source
  AND gear_id NOT IN (SELECT gear_id FROM gear WHERE source = $source AND found IS NOT NULL)
ORDER BY gear_id
