-- Every own effort on a segment, with its place among them, what was the best until then, and how far behind the best of all it is.
SELECT
    counted.athlete_id,
    held.segment_id,
    held.segment_name,
    held.segment_distance AS segment_distance_m,
    held.segment_average_grade,
    held.activity_id,
    held.effort_index,
    counted.on_day,
    counted.local_year,
    counted.sport_group,
    held.elapsed_time AS elapsed_time_seconds,
    held.moving_time AS moving_time_seconds,
    held.average_watts,
    held.device_watts,
    held.average_heartrate,
    rank() OVER (PARTITION BY counted.athlete_id, held.segment_id ORDER BY held.elapsed_time) AS place,
    held.elapsed_time - min(held.elapsed_time) OVER (PARTITION BY counted.athlete_id, held.segment_id) AS behind_best_seconds,
    -- the first effort is a best, too; of efforts in the same time the earlier one stays the best
    coalesce(held.elapsed_time < min(held.elapsed_time) OVER before, true) AS was_best
FROM activity_segment_efforts AS held
JOIN counted_activities AS counted USING (activity_id)
-- of a track with cuts, those efforts alone that none of them touches
ANTI JOIN (SELECT activity_id, unnest(cuts) AS cut FROM corrections) AS word
    ON word.activity_id = held.activity_id
    AND held.start_date < coalesce(nullif(split_part(word.cut, '/', 2), '')::TIMESTAMPTZ, 'infinity')
    AND held.start_date + to_seconds(held.elapsed_time) > coalesce(nullif(split_part(word.cut, '/', 1), '')::TIMESTAMPTZ, '-infinity')
WHERE held.segment_id IS NOT NULL AND held.elapsed_time > 0
WINDOW before AS (
    PARTITION BY counted.athlete_id, held.segment_id
    ORDER BY held.start_date, held.activity_id, held.effort_index
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
)
