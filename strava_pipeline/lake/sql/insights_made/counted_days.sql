-- What the sports of summary_activities.json and distances.json did on each local day of some years, up to `until`: `ids` in the order
-- of their starts. `sports`: as Strava names them, '' for an activity without a sport.
SELECT
    on_day,
    list(activity_id ORDER BY start_date_local, activity_id) AS ids,
    {total_distance} AS distance_m
FROM counted_activities
WHERE athlete_id = $athlete_id AND list_contains($years::INTEGER[], local_year) AND on_day <= $until
  AND list_contains($sports::VARCHAR[], coalesce(sport_type, ''))
GROUP BY on_day
ORDER BY on_day
