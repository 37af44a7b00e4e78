-- The best, the first and the last own effort on each segment.
SELECT
    athlete_id,
    segment_id,
    arg_max(segment_name, {'on_day': on_day, 'activity_id': activity_id, 'effort_index': effort_index}) AS segment_name,
    arg_max(segment_distance_m, {'on_day': on_day, 'activity_id': activity_id, 'effort_index': effort_index}) AS segment_distance_m,
    arg_max(segment_average_grade, {'on_day': on_day, 'activity_id': activity_id, 'effort_index': effort_index}) AS segment_average_grade,
    count(*) AS efforts,
    min(elapsed_time_seconds) AS best_seconds,
    min({'seconds': elapsed_time_seconds, 'on_day': on_day, 'activity_id': activity_id}).activity_id AS best_activity_id,
    min({'seconds': elapsed_time_seconds, 'on_day': on_day, 'activity_id': activity_id}).on_day AS best_on,
    min(on_day) AS first_on,
    max(on_day) AS last_on,
    arg_max(elapsed_time_seconds, {'on_day': on_day, 'activity_id': activity_id, 'effort_index': effort_index}) AS last_seconds
FROM segment_history
GROUP BY athlete_id, segment_id
