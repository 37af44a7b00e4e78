-- The newest own efforts on the segment $id, and how many there are.
SELECT
    activity_id, effort_index, segment_name, segment_distance_m, segment_average_grade, on_day, elapsed_time_seconds, moving_time_seconds,
    average_watts, device_watts, average_heartrate, place, behind_best_seconds, was_best, count(*) OVER () AS efforts
FROM segment_history
WHERE athlete_id = $athlete_id AND segment_id = $id
ORDER BY on_day DESC, activity_id DESC, effort_index DESC
LIMIT $most
