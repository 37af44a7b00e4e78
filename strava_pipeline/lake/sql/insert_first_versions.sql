-- The first versions of the activities in `versions`: nothing was changed yet.
INSERT INTO activity_history BY NAME
SELECT
    id AS activity_id,
    version,
    athlete_id,
    source,
    ingestion_ts AS valid_from,
    valid_to,
    []::VARCHAR[] AS changed_fields,
    '{}'::JSON AS previous
FROM versions
WHERE version = 1
