-- A page of the segments, the most ridden first. $efforts and $segment_id: the last row of the page before it; NULL: the first page.
SELECT
    segment_id, segment_name, segment_distance_m, segment_average_grade, efforts, best_seconds, best_activity_id, best_on, first_on, last_on,
    last_seconds
FROM segment_bests
WHERE athlete_id = $athlete_id
  AND ($efforts::BIGINT IS NULL OR efforts < $efforts OR (efforts = $efforts AND segment_id > $segment_id))
ORDER BY efforts DESC, segment_id
LIMIT $most
