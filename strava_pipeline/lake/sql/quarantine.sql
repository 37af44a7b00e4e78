-- The activities in quarantine: lists of equal length, an element for each.
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
