-- The present activity that has $id, or one of whose sources has it; with its partition.
SELECT id, year
FROM activities
WHERE id = coalesce((SELECT activity_id FROM activity_members WHERE id = $id), $id)
