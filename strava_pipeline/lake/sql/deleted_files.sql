-- The hashes of the files of activities that a person deleted here: imported ones, and those of services.
WITH gone AS (
    SELECT activity_id AS id FROM corrections WHERE deleted
    UNION
    SELECT member.id FROM activity_members AS member JOIN corrections USING (activity_id) WHERE deleted
)
SELECT extra ->> '$.file.sha256' FROM imported_activities SEMI JOIN gone USING (id)
UNION
SELECT files.sha256 FROM files JOIN activities_all USING (source, source_id) SEMI JOIN gone USING (id)
