-- How many activities of $group a value of the athlete would count for: `since` from $since to the day before $until, `before` those before
-- $first on which nothing was measured; of what it is a measure of (power, heart rate, pace).
SELECT
    count(*) FILTER (WHERE on_day >= $since AND on_day < coalesce($until, 'infinity'::DATE)) AS since,
    count(*) FILTER (WHERE on_day < $first AND coalesce(on_day - measured.day > 30, true)) AS before
FROM counted_activities AS counted
JOIN activity_list AS listed ON listed.id = counted.activity_id
ASOF LEFT JOIN (
    SELECT day FROM days WHERE CASE $name WHEN 'weight_kg' THEN weight_kg WHEN 'resting_heartrate' THEN resting_heartrate END IS NOT NULL
) AS measured ON counted.on_day >= measured.day
WHERE counted.athlete_id = $athlete_id
  AND $group IN (counted.sport_group, 'all', '')
  AND CASE
      WHEN $name LIKE '%heartrate%' THEN listed.average_heartrate > 0
      WHEN $name = 'threshold_pace' THEN counted.distance_m > 0
      ELSE listed.average_watts > 0 OR counted.weighted_average_watts > 0
  END
