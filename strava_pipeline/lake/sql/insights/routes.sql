-- Each route with what was done on it. Laps have no best time: their lengths differ.
WITH
done AS (
    SELECT
        route.*,
        counted.name,
        counted.on_day,
        CASE WHEN NOT route.is_lap THEN coalesce(counted.moving_time_seconds, counted.elapsed_time_seconds) END AS seconds,
        count(counted.name) OVER (PARTITION BY route.route_id, counted.name) AS times
    FROM activity_routes AS route
    JOIN counted_activities AS counted USING (activity_id)
)
SELECT
    any_value(athlete_id) AS athlete_id,
    route_id,
    any_value(sport_group) AS sport_group,
    any_value(is_lap) AS is_lap,
    arg_max(name, {'times': times, 'on_day': on_day, 'activity_id': activity_id}) FILTER (trim(name) <> '') AS name,
    count(*) AS activities,
    arg_min(length_m, {'start': start_date_local, 'activity_id': activity_id}) AS length_m,
    min(on_day) AS first_on,
    max(on_day) AS last_on,
    min(seconds) FILTER (seconds > 0) AS best_seconds,
    arg_min(activity_id, {'seconds': seconds, 'start': start_date_local, 'activity_id': activity_id}) FILTER (seconds > 0) AS best_activity_id,
    max(variant_of) AS variant_of,
    max(variant_similarity) AS variant_similarity
FROM done
GROUP BY route_id
