-- The activities of each local day from $first_on to $last_on in the order of their starts, at most $most of a day; `of_day`: how many it has.
SELECT
    on_day,
    activity_id,
    name,
    sport_type,
    start_date_local,
    distance_m,
    moving_time_seconds,
    count(*) OVER (PARTITION BY on_day)::BIGINT AS of_day
FROM counted_activities
WHERE athlete_id = $athlete_id AND on_day BETWEEN $first_on AND $last_on
QUALIFY row_number() OVER (PARTITION BY on_day ORDER BY start_date_local, activity_id) <= $most
ORDER BY on_day, start_date_local, activity_id
