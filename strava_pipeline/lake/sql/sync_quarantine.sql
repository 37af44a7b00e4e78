-- The table becomes what was found: lists of equal length, an element per activity in quarantine.
MERGE INTO quarantine AS gold
USING (
    WITH found AS (
        SELECT
            unnest($ids::BIGINT[]) AS activity_id,
            unnest($sources::VARCHAR[]) AS source,
            unnest($failures::INTEGER[]) AS failures,
            unnest($first_failed_at::TIMESTAMPTZ[]) AS first_failed_at,
            unnest($last_failed_at::TIMESTAMPTZ[]) AS last_failed_at,
            unnest($status::INTEGER[]) AS status,
            unnest($retry_at::TIMESTAMPTZ[]) AS retry_at,
            unnest($dropped_at::TIMESTAMPTZ[]) AS dropped_at
    )
    SELECT found.*, activity.athlete_id
    FROM found
    JOIN activities_all AS activity ON activity.id = found.activity_id
) AS found
ON gold.activity_id = found.activity_id
WHEN MATCHED AND (gold.last_failed_at, gold.failures, gold.retry_at, gold.dropped_at, gold.athlete_id)
    IS DISTINCT FROM (found.last_failed_at, found.failures, found.retry_at, found.dropped_at, found.athlete_id)
    THEN UPDATE BY NAME
WHEN NOT MATCHED BY TARGET THEN INSERT BY NAME
WHEN NOT MATCHED BY SOURCE THEN DELETE
RETURNING merge_action
