-- What each service's own activities say of its gear: how often, how far and how long it was used; NULL where none
-- says. Where a person wrote gear as a text, each text is a piece: the commonest spelling of those that differ in case or in blanks.
WITH used AS (
    SELECT
        coalesce(gear_source, source) AS source,
        coalesce(gear_id, trim(extra ->> '$.equipment')) AS spelling,
        CASE WHEN gear_id IS NULL THEN lower(nfc_normalize(spelling)) ELSE gear_id END AS piece,
        count(*) AS activities,
        sum(CASE WHEN distance BETWEEN 0 AND 4e7 THEN distance END) AS distance_m, -- as in counted_activities
        sum(CASE WHEN moving_time BETWEEN 0 AND 1e9 THEN moving_time END) AS moving_time_seconds,
        min(start_date_local::DATE) AS first_on,
        max(start_date_local::DATE) AS last_on
    FROM activities_all
    WHERE deleted_at IS NULL AND spelling <> '' AND (extra ->> '$.not_counted') IS NULL
    GROUP BY ALL
),
summed AS (
    SELECT
        source,
        arg_max(spelling, (activities, spelling)) AS gear_id,
        sum(activities)::BIGINT AS activities,
        sum(distance_m) AS distance_m,
        sum(moving_time_seconds)::BIGINT AS moving_time_seconds,
        min(first_on) AS first_on,
        max(last_on) AS last_on
    FROM used
    GROUP BY source, piece
)
SELECT
    source,
    gear_id,
    coalesce(nullif(trim(gear.name), ''), nullif(trim(gear.nickname), ''), gear_id) AS name,
    gear.retired,
    coalesce(summed.activities, 0) AS activities,
    summed.distance_m,
    summed.moving_time_seconds,
    summed.first_on,
    summed.last_on
FROM gear
FULL JOIN summed USING (source, gear_id)
ORDER BY distance_m DESC NULLS LAST, source, gear_id
