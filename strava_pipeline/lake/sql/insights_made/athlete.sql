-- Whose insights are made: the login's if there is an activity of it, else who has most; how many activities are others'; what the
-- profile says of units; the zone that most of the newest 200 activities have that have begun by now, and whether it is named and of more than
-- half of them. Those without a name are one group: of these the newest offset (s), an hour at most from their usual one. No row: there is no activity.
WITH counted AS (
    SELECT athlete_id, count(*) AS activities FROM counted_activities GROUP BY athlete_id
),
login AS (
    SELECT athlete_id FROM athlete ORDER BY fetched_at DESC LIMIT 1
),
whose AS (
    SELECT athlete_id, activities
    FROM counted
    ORDER BY athlete_id IN (SELECT athlete_id FROM login) DESC, activities DESC, athlete_id
    LIMIT 1
),
recent AS (
    SELECT start_date, string_split(timezone, ' ')[-1] AS name, timezone, utc_offset
    FROM activities
    WHERE coalesce(timezone, utc_offset::VARCHAR) IS NOT NULL AND start_date <= $now
        AND coalesce(athlete_id IN (SELECT athlete_id FROM whose), true)
    ORDER BY start_date DESC
    LIMIT 200
),
zones AS (
    SELECT name, count(*) AS activities, max(start_date) AS newest, max(timezone) AS timezone, mode(utc_offset) AS usual
    FROM recent
    GROUP BY name
)
SELECT
    whose.athlete_id,
    (SELECT sum(activities)::BIGINT FROM counted) - whose.activities AS others,
    (SELECT measurement_preference FROM athlete WHERE athlete.athlete_id = whose.athlete_id) AS measurement_preference,
    coalesce(
        most.timezone,
        (SELECT arg_max(utc_offset, start_date)::VARCHAR FROM recent WHERE name IS NULL AND abs(utc_offset - most.usual) <= 3600)
    ) AS timezone,
    coalesce(most.name IS NOT NULL AND 2 * most.activities > (SELECT count(*) FROM recent), false) AS is_clear
FROM whose
LEFT JOIN (SELECT * FROM zones ORDER BY activities DESC, newest DESC, name LIMIT 1) AS most ON true
