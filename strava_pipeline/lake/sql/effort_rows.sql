-- What each source says of the activity that $id is, or is one of: the id, the source, its own id there, the local day, the hash of
-- the imported file.
WITH members AS (
    SELECT id FROM activity_members WHERE activity_id IN (SELECT activity_id FROM activity_members WHERE id = $id)
    UNION
    SELECT $id
),
said AS (
    SELECT id, source, source_id, start_date_local, NULL AS sha256 FROM activities_all
    UNION ALL
    SELECT id, source, source_id, start_date_local, extra ->> '$.file.sha256' FROM imported_activities
)
SELECT id, source, any_value(source_id), any_value(start_date_local)::DATE, any_value(sha256)
FROM said
SEMI JOIN members USING (id)
GROUP BY id, source
ORDER BY source, id
