-- What each service's own activities say of its gear: how often, how far and how long it was used; NULL where none says.
WITH used AS (
    SELECT
        coalesce(gear_source, source) AS source,
        coalesce(gear_id, lower(nfc_normalize(trim(extra ->> '$.equipment')))) AS piece,
        count(*) AS activities,
        sum(CASE WHEN distance BETWEEN 0 AND 4e7 THEN distance END) AS distance_m, -- as in counted_activities
        sum(CASE WHEN moving_time BETWEEN 0 AND 1e9 THEN moving_time END)::BIGINT AS moving_time_seconds,
        min(start_date_local::DATE) AS first_on,
        max(start_date_local::DATE) AS last_on
    FROM activities_all
    WHERE deleted_at IS NULL AND piece <> '' AND (extra ->> '$.not_counted') IS NULL
    GROUP BY ALL
)
SELECT
    source,
    gear_id,
    item,
    name,
    retired,
    coalesce(used.activities, 0) AS activities,
    used.distance_m,
    used.moving_time_seconds,
    used.first_on,
    used.last_on
FROM gear_items
LEFT JOIN used USING (source, piece)
ORDER BY distance_m DESC NULLS LAST, source, gear_id
