-- The best mean power of each local year and group over each time (mean maximal power), of activity_power; of equal ones the earliest.
WITH best AS (
    SELECT
        athlete_id,
        sport_group,
        local_year,
        seconds,
        min({
            'rank': -watts,
            'on_day': on_day,
            'activity_id': activity_id,
            'watts_per_kg': watts_per_kg
        }) AS it
    FROM activity_power
    GROUP BY ALL
)
SELECT
    athlete_id,
    sport_group,
    local_year,
    seconds,
    -it.rank AS watts,
    it.watts_per_kg AS watts_per_kg,
    it.activity_id AS activity_id,
    it.on_day AS on_day,
    row_number() OVER (PARTITION BY athlete_id, sport_group, seconds ORDER BY it) = 1 AS all_time
FROM best
