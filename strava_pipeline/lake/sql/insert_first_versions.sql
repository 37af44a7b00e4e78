-- The first versions of the activities in `lacking`: nothing was changed yet.
INSERT INTO activity_history BY NAME
SELECT
    id AS activity_id,
    version,
    athlete_id,
    source,
    ingestion_ts AS valid_from,
    ended_at AS valid_to,
    []::VARCHAR[] AS changed_fields,
    '{}'::JSON AS previous
FROM versions
SEMI JOIN lacking USING (id)
WHERE version = 1
