-- How many activities of $group a value of the athlete would count for: `since` from $since to the day before $until, `before` those before
-- $first on which nothing was measured. A threshold counts where the load goes by it, or a heart rate's zones; weight, where there is power.
SELECT
    count(*) FILTER (WHERE counted.on_day >= $since AND counted.on_day < coalesce($until, 'infinity'::DATE)) AS since,
    count(*) FILTER (WHERE counted.on_day < $first AND coalesce(counted.on_day - measured.day > 30, true)) AS before
FROM counted_activities AS counted
JOIN activities AS whole ON whole.id = counted.activity_id
LEFT JOIN activity_heartrates AS of_track ON of_track.activity_id = counted.activity_id
LEFT JOIN activity_load AS made ON made.activity_id = counted.activity_id
ASOF LEFT JOIN (
    SELECT day FROM days WHERE CASE $name WHEN 'weight_kg' THEN weight_kg WHEN 'resting_heartrate' THEN resting_heartrate END IS NOT NULL
) AS measured ON counted.on_day >= measured.day
WHERE counted.athlete_id = $athlete_id
  AND $group IN (counted.sport_group, 'all', '')
  AND CASE
      WHEN $name LIKE '%heartrate%' THEN whole.average_heartrate > 0 AND ($name = 'threshold_heartrate' OR made.method IS DISTINCT FROM 'power')
      WHEN $name = 'threshold_pace' THEN counted.distance_m > 0 AND counted.moving_time_seconds > 0
          AND coalesce(made.method, 'pace') IN ('pace', 'relative_effort')
      WHEN $name = 'ftp' THEN whole.device_watts IS NOT false AND counted.weighted_average_watts > 0
          AND coalesce(of_track.powered_seconds, counted.moving_time_seconds) >= greatest(600, 0.8 * counted.moving_time_seconds)
      ELSE whole.average_watts > 0 OR counted.weighted_average_watts > 0
  END
