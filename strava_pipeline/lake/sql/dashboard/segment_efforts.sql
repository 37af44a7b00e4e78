-- The newest own efforts on the segment $id.
SELECT
    activity_id, effort_index, segment_name, on_day, elapsed_time_seconds, moving_time_seconds, average_watts, average_heartrate, place,
    behind_best_seconds, was_best
FROM segment_history
WHERE athlete_id = $athlete_id AND segment_id = $id
ORDER BY on_day DESC, activity_id DESC, effort_index DESC
LIMIT $most
