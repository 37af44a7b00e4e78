-- The best mean power of each local year and group over each time (mean maximal power), out of tracks; of equal ones the earliest. Power
-- that was estimated does not count, nor do activities that a person dismissed. Watts per kilogram are by the weight that held
-- then; goals.toml is the owner's, so others have none.
WITH owner AS (
{owner}),
weights AS (
    SELECT owner.athlete_id, since, until, weight_kg FROM athlete_by_date CROSS JOIN owner
),
best AS (
    SELECT
        counted.athlete_id,
        counted.sport_group,
        counted.local_year,
        held.width::INTEGER AS seconds,
        min({{
            'rank': -held.value,
            'on_day': counted.on_day,
            'activity_id': held.activity_id,
            'weight_kg': weights.weight_kg
        }}) AS it
    FROM track_bests AS held
    JOIN counted_activities AS counted USING (activity_id)
    JOIN activities ON activities.id = held.activity_id
    ANTI JOIN dismissed_bests ON dismissed_bests.activity_id = held.activity_id
    LEFT JOIN weights
        ON weights.athlete_id = counted.athlete_id
        AND counted.on_day >= weights.since
        AND (weights.until IS NULL OR counted.on_day < weights.until)
    WHERE held.measure = 'watts' AND activities.device_watts IS NOT false AND counted.on_day IS NOT NULL
    GROUP BY ALL
)
SELECT
    athlete_id,
    sport_group,
    local_year,
    seconds,
    -it.rank AS watts,
    -it.rank / it.weight_kg AS watts_per_kg,
    it.activity_id AS activity_id,
    it.on_day AS on_day,
    row_number() OVER (PARTITION BY athlete_id, sport_group, seconds ORDER BY it) = 1 AS all_time
FROM best
