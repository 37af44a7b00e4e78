-- What each service's own activities say of its gear: how often, how far and how long it was used. Gear that no activity names has 0.
-- Where a person wrote gear as a text, each text is a piece: the commonest spelling of those that differ in case or in blanks.
WITH used AS (
    SELECT
        coalesce(gear_source, source) AS source,
        coalesce(gear_id, trim(extra ->> '$.equipment')) AS gear_id,
        gear_id IS NULL AS is_text,
        start_date_local::DATE AS on_day,
        CASE WHEN distance BETWEEN 0 AND 4e7 THEN distance END AS distance_m, -- as in counted_activities
        CASE WHEN moving_time BETWEEN 0 AND 1e9 THEN moving_time END AS moving_time_seconds
    FROM activities_all
    WHERE deleted_at IS NULL AND coalesce(gear_id, trim(extra ->> '$.equipment')) <> '' AND (extra ->> '$.not_counted') IS NULL
),
summed AS (
    SELECT
        source,
        mode(gear_id) AS gear_id,
        count(*) AS activities,
        coalesce(sum(distance_m), 0) AS distance_m,
        coalesce(sum(moving_time_seconds), 0)::BIGINT AS moving_time_seconds,
        min(on_day) AS first_on,
        max(on_day) AS last_on
    FROM used
    GROUP BY source, CASE WHEN is_text THEN lower(nfc_normalize(gear_id)) ELSE gear_id END
)
SELECT
    source,
    gear_id,
    coalesce(nullif(trim(gear.name), ''), nullif(trim(gear.nickname), ''), gear_id) AS name,
    gear.retired,
    coalesce(summed.activities, 0) AS activities,
    coalesce(summed.distance_m, 0) AS distance_m,
    coalesce(summed.moving_time_seconds, 0) AS moving_time_seconds,
    summed.first_on,
    summed.last_on
FROM gear
FULL JOIN summed USING (source, gear_id)
ORDER BY distance_m DESC, source, gear_id
