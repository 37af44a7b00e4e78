-- Whose insights are made: the login's if there is an activity of it, else who has most; how many activities are others'; what the
-- profile says of units; and the zone, or else the offset (s), of the newest activity that has begun by now. No row: there is no activity.
WITH counted AS (
    SELECT athlete_id, count(*) AS activities FROM counted_activities GROUP BY athlete_id
),
login AS (
    SELECT athlete_id FROM athlete ORDER BY fetched_at DESC LIMIT 1
)
SELECT
    counted.athlete_id,
    (SELECT sum(activities)::BIGINT FROM counted) - counted.activities AS others,
    (SELECT measurement_preference FROM athlete WHERE athlete.athlete_id = counted.athlete_id) AS measurement_preference,
    (
        SELECT arg_max(coalesce(timezone, utc_offset::VARCHAR), start_date)
        FROM activities
        WHERE coalesce(timezone, utc_offset::VARCHAR) IS NOT NULL AND start_date <= $now AND coalesce(activities.athlete_id, counted.athlete_id) = counted.athlete_id
    ) AS timezone
FROM counted
ORDER BY counted.athlete_id IN (SELECT athlete_id FROM login) DESC, counted.activities DESC, counted.athlete_id
LIMIT 1
