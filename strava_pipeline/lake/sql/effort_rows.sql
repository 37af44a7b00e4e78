-- What each source says of the activity that $id is, or is one of: the id, the source, its own id there, the local day, the hash of
-- the imported file.
SELECT id, source, any_value(source_id), any_value(start_date_local)::DATE, any_value(extra ->> '$.file.sha256')
FROM (FROM activities_all UNION ALL BY NAME FROM imported_activities)
WHERE id = $id OR id IN (
    SELECT other.id FROM activity_members AS one JOIN activity_members AS other USING (activity_id) WHERE one.id = $id
)
GROUP BY id, source
ORDER BY source, id
