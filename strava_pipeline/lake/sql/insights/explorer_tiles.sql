-- Each tile that was ever visited, with its first visit, whatever the sport.
SELECT
    athlete_id,
    zoom,
    y,
    x,
    arg_min(activity_id, {'start': start_date_local, 'activity_id': activity_id}) AS activity_id,
    min(start_date_local) AS start_date_local,
    sum(activities)::BIGINT AS activities
FROM visited_tiles
GROUP BY athlete_id, zoom, y, x
